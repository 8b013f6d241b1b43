import { parseTime } from '../duration.ts';
import { attributeOf } from '../xml/tree.ts';
import { from, noteOdd, type Rule } from './rule.ts';

/** `<user>`: that scripts are run, and how long they may take. */
export const userRule: Rule = (element, context) => {
  const { draft, findings } = context;
  draft.runsScripts = true;
  findings.note(element, 'translated', 'The module\'s scripts start and stop the server: "server.scripts".');
  for (const [name, key] of [
    ['nicestoptimeout', 'niceStopMs'],
    ['forcestoptimeout', 'forceStopMs'],
  ] as const) {
    const attribute = attributeOf(element, name);
    if (attribute === undefined) continue;
    const time = parseTime(attribute.value, 's');
    if (time === null || time < 1000) {
      noteOdd(context, attribute, 'a time of a second or more', "SafeKit's default of 300s was taken.");
      continue;
    }
    draft[key] = time;
    draft.stopTimesFrom = from(attribute);
    findings.note(
      attribute,
      'translated',
      'The stop script ends what takes longer; both times together are "server.scripts.timeout".',
    );
  }
};

/** What the scripts beside it define themselves. */
const own =
  /^(SAFE[A-Z]*|SAFEKIT_[A-Z]+|UNDERSTUDY_[A-Z_]*|IFS|PATH|PWD|here|from|to|nice|force|limit|script|each|code|looks|pid|verdict|file)$/;

/** `<var>`: what scripts find in their environment. */
export const varRule: Rule = (element, { draft, findings }) => {
  const name = attributeOf(element, 'name');
  const value = attributeOf(element, 'value');
  const word = name?.value ?? '';
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,99}$/.test(word) || own.test(word) || value === undefined) {
    const says = 'No variable that scripts could have, or one that is set already. It was left out.';
    for (const each of [element, name, value]) findings.note(each, 'unsupported', says);
    if (word !== '' && value !== undefined) {
      draft.todo(
        `Set the variable "${word}" in the scripts that need it (${element.path}): it could not be taken over.`,
      );
    }
    return;
  }
  draft.variables.push({ name: word, value: value.value });
  findings.note(element, 'translated', 'In the environment of the scripts (the file "environment" beside them).');
  findings.note(name, 'taken', 'In the file "environment".');
  findings.note(value, 'taken', 'In the file "environment".');
  if (value.value === '') {
    draft.todo(`Give the variable ${word} its value, in the file "environment" beside the scripts.`);
  }
  for (const macro of value.undefinedMacros) {
    draft.todo(`Put in the value of %${macro}%, which the module takes from SafeKit's environment (${value.path}).`);
  }
};

/** `<macro>`: replaced wherever it is used. */
export const macroRule: Rule = (element, { draft, findings }) => {
  const name = attributeOf(element, 'name');
  const value = attributeOf(element, 'value');
  findings.note(element, 'translated', 'Its value stands wherever it was used.');
  findings.note(name, 'translated', 'Its value stands wherever it was used.');
  if (value?.value !== '') findings.note(value, 'translated', 'It stands wherever the macro was used.');
  else {
    findings.note(value, 'unsupported', 'It is empty: what it was to stand for is for you to fill in.');
    draft.todo(`The macro ${name?.value ?? ''} is empty: put in what it was to stand for wherever FILL IN says so.`);
  }
};
