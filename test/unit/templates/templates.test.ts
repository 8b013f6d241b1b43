import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crossChecks } from '../../../schemas/crossChecks.ts';
import { formatDiagnostic, hasErrors } from '../../../schemas/diagnostic.ts';
import { kindOfFile, parseDocument, type AnyDocument } from '../../../schemas/document.ts';
import { parseText, valueOf } from '../../../schemas/jsonText.ts';
import { clusterFile, type ArbiterAnswer, type ClusterAnswers } from '../../../schemas/templates/cluster.ts';
import { moduleTemplates } from '../../../schemas/templates/moduleTemplates.ts';
import { commandWord, literally, shellWord } from '../../../schemas/templates/moduleText.ts';
import { scriptsFolder, type ModuleAnswers, type TemplateFile } from '../../../schemas/templates/template.ts';

const site: ClusterAnswers = {
  name: 'site',
  networks: ['lan', 'link'],
  replication: 'link',
  hosts: [
    { name: 'alpha', addresses: { lan: '10.0.0.1', link: '10.0.1.1' } },
    { name: 'beta', addresses: { lan: '10.0.0.2', link: '10.0.1.2' } },
    { name: 'gamma', addresses: { lan: '10.0.0.3' } },
  ],
  arbiter: { kind: 'witness', hosts: ['gamma'] },
};

const web: ModuleAnswers = {
  name: 'web',
  hosts: ['alpha', 'beta'],
  directory: '/srv/vm/web',
  virtualAddress: null,
  details: {},
};

function documentOf({ path, text }: TemplateFile): AnyDocument {
  const kind = kindOfFile(path);
  if (kind !== 'module' && kind !== 'cluster') throw new Error(`${path} is neither a module file nor a cluster file.`);
  return kind === 'module' ? parseDocument(kind, text, path) : parseDocument(kind, text, path);
}

/** Everything that is said of the files, those of each by itself among it. */
function told(files: readonly TemplateFile[]): readonly string[] {
  const documents = files.filter(({ path }) => path.endsWith('.jsonc')).map(documentOf);
  return [...documents.flatMap(({ diagnostics }) => diagnostics), ...crossChecks(documents)].map(formatDiagnostic);
}

describe.each(moduleTemplates.map((template) => [template.id, template] as const))('the template %s', (_, template) => {
  it('gives files that nothing is wrong with, as they are proposed', () => {
    expect(told([clusterFile(site), ...template.files(web)])).toEqual([]);
    if (!template.takesAddress) return;
    const virtualAddress = { address: '10.0.0.100/24', network: 'lan' };
    expect(told([clusterFile(site), ...template.files({ ...web, virtualAddress })])).toEqual([]);
  });

  it('says what it does not do, and what to change', () => {
    const [module, ...scripts] = template.files(web);
    expect(module.text).toContain('// What this does not do: ');
    expect(module.text).toMatch(/\/\/ Change: .*\n/);
    expect(module.executable).toBe(false);
    for (const { text, executable } of scripts) {
      expect(executable).toBe(true);
      expect(text).toMatch(/^#!\/bin\/sh\n# /);
      expect(text.endsWith('\n')).toBe(true);
    }
    for (const line of [module, ...scripts].flatMap(({ text }) => text.split('\n'))) {
      if (/^ *(#|\/\/)/.test(line)) expect(line.length, line).toBeLessThanOrEqual(140);
    }
  });

  it('says commands that can be copied, whatever the directory is called', () => {
    const firstLetters = (directory: string): readonly string[] => {
      const about = template.files({ ...web, directory })[0].text.replaceAll('\n// ', ' ');
      const commands = /(?:initdb -D|-m 0700|truncate -s 100G|touch|--security-info web >) (\S)/g;
      return [...about.matchAll(commands)].map(([, first]) => first ?? '');
    };
    const counts = new Map<string, number>([
      ['postgresql', 2],
      ['libvirt', 1],
      ['hyperv', 2],
    ]);
    const length = counts.get(template.id) ?? 0;
    expect(firstLetters('/srv/vm/web')).toEqual(Array.from({ length }, () => '/'));
    expect(firstLetters("/srv/it's $(id)")).toEqual(Array.from({ length }, () => "'"));
  });

  it('names those scripts that it writes', () => {
    const [module, ...scripts] = template.files(web);
    const { value } = parseDocument('module', module.text, module.path);
    const named = value?.server.scripts;
    const programs = [named?.start, named?.stop, named?.check].flatMap((argv) => (argv === undefined ? [] : [argv[0]]));
    expect(programs).toEqual(scripts.map(({ path }) => path.replace(/^scripts/, scriptsFolder)));
  });

  it('has a proposal for each question that its own check takes', () => {
    for (const { proposal, check } of template.questions) expect(check?.(proposal(web)) ?? null).toBeNull();
  });

  it('never takes what is typed for anything but a value', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('"}\n{', "'; rm -rf /\n", '*/', '$(id)'),
    );
    fc.assert(
      fc.property(text, text, text, (name, directory, detail) => {
        const details = Object.fromEntries(template.questions.map(({ key }) => [key, detail]));
        const [module] = template.files({ ...web, name, directory, hosts: [detail, name], details });
        const { root, problems } = parseText(module.text);
        expect(problems).toEqual([]);
        const value = root === null ? null : valueOf(root);
        expect(value).toMatchObject({ name, hosts: [detail, name], mirror: { directories: [directory] } });
      }),
      { numRuns: 100 },
    );
  });
});

it('all templates give modules that fit together in one cluster', () => {
  const modules = moduleTemplates.flatMap((template, index) => {
    const name = `m${index}`;
    return template.files({
      ...web,
      name,
      directory: `/srv/${name}`,
      hosts: index % 2 === 0 ? ['alpha', 'beta'] : ['beta', 'alpha'],
    });
  });
  expect(told([clusterFile(site), ...modules])).toEqual([]);
});

describe('the file of a cluster', () => {
  const arbiters: readonly ArbiterAnswer[] = [
    { kind: 'witness', hosts: ['gamma'] },
    { kind: 'witness', hosts: ['alpha', 'beta', 'gamma'] },
    { kind: 'etcd', endpoints: ['https://10.0.0.11:2379', 'https://10.0.0.12:2379'] },
  ];
  it.each(arbiters)('is valid with the arbiter %j', (arbiter) => {
    expect(told([clusterFile({ ...site, arbiter })])).toEqual([]);
  });

  it('without an arbiter is valid and warned of', () => {
    const file = clusterFile({ ...site, arbiter: { kind: 'none' } });
    const { diagnostics } = documentOf(file);
    const across = crossChecks([documentOf(file)]);
    expect(hasErrors([...diagnostics, ...across])).toBe(false);
    expect(across.map(({ code }) => code)).toEqual(['no-arbiter']);
  });

  it('says what is wrong with its answers where the checks of files say it', () => {
    const hosts = [{ name: 'alpha', addresses: { lan: '10.0.0.1', lnik: '10.0.1.1' } }, ...site.hosts.slice(1)];
    expect(told([clusterFile({ ...site, hosts })])).toEqual([
      expect.stringMatching(/the network "lnik" is not declared.*did you mean "link"/),
    ]);
  });

  it('never takes what is typed for anything but a value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (name, address) => {
        const file = clusterFile({ ...site, name, hosts: [{ name: address, addresses: { lan: name } }] });
        const { root, problems } = parseText(file.text);
        expect(problems).toEqual([]);
        expect(root === null ? null : valueOf(root)).toMatchObject({ name });
      }),
      { numRuns: 100 },
    );
  });
});

describe('scripts', () => {
  const hostile = 'it\'s $(touch /tmp/x) `id` "q" \\ \n # *';

  it.each(moduleTemplates.map((template) => [template.id, template] as const))(
    'of %s are valid shell, whatever was answered',
    (_, template) => {
      for (const detail of [undefined, hostile]) {
        const details =
          detail === undefined ? {} : Object.fromEntries(template.questions.map(({ key }) => [key, detail]));
        for (const { path, text } of template.files({ ...web, details }).filter((file) => file.executable)) {
          const { status, stderr } = spawnSync('sh', ['-n'], { input: text, encoding: 'utf8' });
          expect({ path, status, stderr }).toEqual({ path, status: 0, stderr: '' });
        }
      }
    },
  );

  it('take a text for itself where a pattern is expected', () => {
    for (const text of ['/srv/c++/a.b', '(x)[y]{2}', 'a|b', '^a$', 'a\\b', '*?', "it's"]) {
      const input = `${literally}\nprintf '%s\\n' "$1" | grep -Ex -- "$(literally "$1")"`;
      const { stdout } = spawnSync('sh', ['-s', text], { input, encoding: 'utf8' });
      expect(stdout).toBe(`${text}\n`);
    }
    const { stdout } = spawnSync('sh', ['-s'], { input: `${literally}\nliterally a.b`, encoding: 'utf8' });
    expect(stdout).toBe('a\\.b');
  });

  it('come to hosts on which nothing lies yet', () => {
    for (const template of moduleTemplates.filter(({ id }) => id !== 'qemu')) {
      const about = template.files(web)[0].text.replaceAll(/\n *\/\/ /g, ' ');
      expect(about).toContain(
        'ssh alpha mkdir -p /etc/understudy/scripts && scp -rp scripts/web alpha:/etc/understudy/scripts/',
      );
    }
  });

  it('are not made for names that they could not find again', () => {
    const wrong = (id: string, answer: string): string | null | undefined =>
      moduleTemplates.find((template) => template.id === id)?.questions[0]?.check?.(answer);
    expect(wrong('libvirt', "joe's vm")).toMatch(/quotes/);
    expect(wrong('libvirt', 'mail server (old)')).toBeNull();
    expect(wrong('hyperv', 'web[1]')).toMatch(/\*/);
    expect(wrong('hyperv', 'Mail Server')).toBeNull();
  });

  it('take a word as it is', () => {
    for (const word of [hostile, '', '-n', '~', "'''", 'größer']) {
      const { stdout } = spawnSync('sh', [], { input: `printf '[%s]' ${shellWord(word)}`, encoding: 'utf8' });
      expect(stdout).toBe(`[${word}]`);
    }
    expect(commandWord('/srv/vm/web')).toBe('/srv/vm/web');
    expect(commandWord('/srv/my vm')).toBe("'/srv/my vm'");
  });
});
