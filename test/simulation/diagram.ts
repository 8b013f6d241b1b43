import { roleStates, transitions, type Transition } from '../../agent/core/transitions.ts';
import type { RoleState } from '../../agent/core/types.ts';
import type { ModuleState } from '../../schemas/generated/api.ts';

/** What an operator is shown while a module stands so; `shownState` says it with the reason. */
function shownAs(state: RoleState): ModuleState {
  switch (state) {
    case 'stopped':
      return 'STOP';
    case 'waiting':
    case 'asking':
    case 'fencingPeer':
    case 'entering':
    case 'mounting':
    case 'fencing':
    case 'keepingAside':
      return 'WAIT';
    case 'primary.both':
    case 'primary.parting':
      return 'PRIM';
    case 'startingToFollow':
    case 'following':
    case 'unfollowing':
      return 'SECOND';
    default:
      return 'ALONE';
  }
}

/** Neither a colon nor a semicolon may stand in a label. */
function labelOf(reasons: ReadonlySet<string>): string {
  return [...reasons].map((why) => why.replace(/[:;]/g, ',')).join('<br/>');
}

/** Lines of arrows, one for each pair of ends, with every reason. */
function arrows(ends: (transition: Transition) => readonly [string, string] | null): string[] {
  const reasons = new Map<string, Set<string>>();
  for (const each of transitions) {
    const pair = ends(each);
    if (pair === null || pair[0] === pair[1]) continue;
    const arrow = `${pair[0]} --> ${pair[1]}`;
    reasons.set(arrow, (reasons.get(arrow) ?? new Set()).add(each.why));
  }
  return [...reasons].map(([arrow, why]) => `${arrow}: ${labelOf(why)}`);
}

const identifier = (state: RoleState): string => state.replace('primary.', '');

function fenced(lines: readonly string[]): string {
  return ['```mermaid', 'stateDiagram-v2', ...lines.map((line) => `  ${line}`), '```'].join('\n');
}

/** The states that operators see. */
export function moduleDiagram(): string {
  return fenced([`[*] --> STOP`, ...arrows(({ from, to }) => [shownAs(from), shownAs(to)])]);
}

/** The states of the core. The end of the mirror process is left out: it leads from nearly everywhere to the same place. */
export function coreDiagram(): string {
  const links = roleStates.filter((state) => state.startsWith('primary.')).map(identifier);
  return fenced([
    '[*] --> stopped',
    'state primary {',
    ...links.map((link) => `  ${link}`),
    '}',
    ...arrows(({ from, to, on }) => (on === 'mirrorFailed' ? null : [identifier(from), identifier(to)])),
  ]);
}

/** ARCHITECTURE.md with its diagrams drawn anew. */
export function withDiagrams(document: string): string {
  return [
    ['module states', moduleDiagram()],
    ['core states', coreDiagram()],
  ].reduce((text, [name = '', diagram = '']) => {
    const [begin, end] = [`<!-- ${name}: from agent/core/transitions.ts -->`, `<!-- end of ${name} -->`];
    const [before, rest] = text.split(begin);
    const after = rest?.split(end)[1];
    if (before === undefined || after === undefined) throw new Error(`ARCHITECTURE.md has no place for the ${name}`);
    return `${before}${begin}\n\n${diagram}\n\n${end}${after}`;
  }, document);
}
