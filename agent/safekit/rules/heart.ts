import { ownName } from '../names.ts';
import { cutText, parseTime, timeText } from '../duration.ts';
import { attributeOf, childrenOf, type Attribute } from '../xml/tree.ts';
import { from, noteOdd, type Rule } from './rule.ts';

/** By the user's guide of release 8.2. Milliseconds. */
const defaultTimeout = 30_000;
/** Less cannot be told from a host that is only late; the checks of module files say so. */
const shortestDetection = 400;

/** `<heart>`: how long a host has to be silent. */
export const heartRule: Rule = (element, context) => {
  const { draft, findings } = context;
  findings.note(element, 'translated', "Heartbeats are the cluster's: they go over all networks of the cluster file.");
  const own = attributeOf(element, 'timeout');
  const beats = childrenOf(element, 'heartbeat');
  const read = (attribute: Attribute | undefined): number | null => {
    if (attribute === undefined || attribute.value === '') return null;
    const time = parseTime(attribute.value, 'ms');
    if (time !== null && time > 0) return time;
    noteOdd(context, attribute, 'a time', "Understudy's default of 3s is in force.");
    return null;
  };
  const common = read(own);
  // A host is lost when it is silent on all of them.
  const times = beats.map((beat) => read(attributeOf(beat, 'timeout')) ?? common ?? defaultTimeout);
  const said = [own, ...beats.map((beat) => attributeOf(beat, 'timeout'))].filter(
    (attribute) => attribute !== undefined && !findings.has(attribute) && attribute.value !== '',
  );
  const [first] = said;
  if (first === undefined) return;
  const longest = Math.max(...(times.length === 0 ? [common ?? defaultTimeout] : times));
  const detection = Math.max(longest, shortestDetection);
  draft.detection = { value: detection, from: from(first) };
  const shorter =
    detection > 3000 ? " Understudy's default is 3s: with an arbiter that is safe, and a failover is sooner." : '';
  for (const attribute of said) {
    findings.note(
      attribute,
      'translated',
      `"failover.detection": "${timeText(detection, 'detection')}".${cutText(detection, 'detection')}${shorter}`,
    );
  }
};

/** `<heartbeat>`: a network between the hosts. */
export const heartbeatRule: Rule = (element, { draft, findings }) => {
  const name = attributeOf(element, 'name');
  const ident = attributeOf(element, 'ident');
  const network = ownName(name?.value ?? '', '');
  if (name === undefined || network === '') {
    findings.note(
      element,
      'unsupported',
      'A network without a name. Name the networks of the hosts in the cluster file.',
    );
    findings.note(name, 'unsupported', 'It is empty. Name the network in the cluster file.');
  } else {
    if (!draft.networks.includes(network)) draft.networks.push(network);
    const where = `The cluster file needs a network "${network}" with the addresses of both hosts.`;
    findings.note(element, 'translated', where);
    findings.note(name, network === name.value ? 'taken' : 'translated', where);
  }
  if (ident?.value === 'flow') {
    draft.replicationNetwork = network === '' ? null : network;
    findings.note(
      ident,
      'translated',
      'Replication prefers this network: "replication": true beside it in the cluster file.',
    );
  } else {
    findings.note(ident, 'unsupported', "A label of SafeKit's console. Networks are shown by their names.");
  }
};
