import { checkVirtualAddresses } from '../../../schemas/checks/virtualAddressChecks.ts';
import { parseIpAddress, splitPrefix } from '../../../schemas/ipAddress.ts';
import { attributeOf, childrenOf, type Attribute, type Element } from '../xml/tree.ts';
import { from, noteOdd, type Rule, type RuleContext } from './rule.ts';

const mostAddresses = 32;

/** `<interface>`: where virtual addresses are set. */
export const interfaceRule: Rule = (element, context) => {
  const { findings } = context;
  const real = childrenOf(element, 'real_interface');
  findings.note(element, 'translated', 'Where the addresses in it are set.');
  const name = attributeOf(element, 'name');
  const device = name !== undefined && /^[^/\s]{1,15}$/.test(name.value) ? name.value : null;
  if (device !== null) {
    findings.note(name, 'taken', `"interface": "${device}". It has to have this name on both hosts.`);
  } else if (name !== undefined) {
    noteOdd(context, name, 'the name of an interface', 'The interface follows from the network.');
  }
  const check = attributeOf(element, 'check');
  if (check?.value === 'on') {
    const instead =
      'A "ping" of the gateway in failover.conditions tells a dead cable or switch, and moves the module.';
    findings.note(check, 'unsupported', `No interface is watched as such. ${instead}`);
  } else findings.note(check, 'taken', 'No interface is watched.');
  for (const each of real) {
    findings.note(each, 'translated', 'A host sets the addresses in it itself, while it is the primary.');
    for (const address of childrenOf(each, 'virtual_addr')) readAddress(address, device, context);
  }
};

/** `<virtual_addr>` within a real interface. */
function readAddress(element: Element, device: string | null, context: RuleContext): void {
  const { draft, findings } = context;
  const addr = attributeOf(element, 'addr');
  readWhere(attributeOf(element, 'where'), context);
  const check = attributeOf(element, 'check');
  findings.note(check, check?.value === 'off' ? 'unsupported' : 'translated', watched);
  findings.note(element, 'unsupported', 'Without an address it was left out. See its attributes.');
  if (addr === undefined || addr.value === '') {
    draft.todo('Put in the virtual address ("virtualAddresses"), or remove it if clients reach the server otherwise.');
    findings.note(addr, 'unsupported', 'It is empty: the virtual address is for you to fill in.');
    return;
  }
  const address = addressOf(element, addr, context);
  if (address === null) return;
  const canonical = parseIpAddress(splitPrefix(address).address)?.canonical;
  const isThere = draft.addresses.some(
    (each) => parseIpAddress(splitPrefix(each.value.address).address)?.canonical === canonical,
  );
  if (isThere || draft.addresses.length >= mostAddresses) {
    const why = isThere ? 'The address is there already.' : `A module has at most ${String(mostAddresses)} addresses.`;
    findings.note(addr, 'unsupported', `${why} It was left out.`);
    return;
  }
  draft.addresses.push({ value: { address, interface: device }, from: from(addr) });
  findings.note(
    element,
    'translated',
    'One of "virtualAddresses": the primary has it while the server starts and runs.',
  );
  const alone = address.includes('/')
    ? ''
    : " Without the length of its subnet's prefix it stands for itself (/32, /128).";
  findings.note(addr, 'taken', `In "virtualAddresses".${alone}`);
}

const watched =
  'The agent looks after the addresses by itself: it asks before whether another machine has one, and sets again what somebody removes.';

function readWhere(where: Attribute | undefined, context: RuleContext): void {
  if (where === undefined) return;
  if (where.value === 'one_side_alias') {
    context.findings.note(where, 'taken', 'On one host at a time: as any virtual address.');
  } else noteOdd(context, where, 'one_side_alias in a mirror module', 'It is set on one host at a time.');
}

/** The address with its prefix length as a module file has it; null: it is none, and that has been told. */
function addressOf(element: Element, addr: Attribute, context: RuleContext): string | null {
  const { draft, findings } = context;
  const { address, prefixLength } = splitPrefix(addr.value);
  const parsed = parseIpAddress(address);
  if (parsed === null) {
    draft.todo(`Put in the address of "${addr.value}" ("virtualAddresses"): names are not taken.`);
    findings.note(addr, 'unsupported', 'It is a name. Put its address into "virtualAddresses".');
    return null;
  }
  const netmask = attributeOf(element, 'netmask');
  const length = netmask === undefined || netmask.value === '' ? null : prefixOf(netmask.value, parsed.version);
  if (netmask !== undefined && netmask.value !== '') {
    if (length === null) noteOdd(context, netmask, 'a netmask such as 255.255.255.0', 'The address stands for itself.');
    else findings.note(netmask, 'translated', `The length of the prefix: "/${String(length)}".`);
  } else findings.note(netmask, 'taken', 'It is empty: the address stands for itself.');
  const hasPrefix = addr.value.includes('/');
  const text =
    length !== null ? `${address}/${String(length)}` : hasPrefix ? `${address}/${String(prefixLength)}` : address;
  const problems = [
    ...checkVirtualAddresses([{ address, prefixLength: length ?? prefixLength, network: 'any', interface: null }]),
  ];
  const [problem] = problems;
  if (problem === undefined && /^[0-9a-fA-F.:]{2,45}(\/[0-9]{1,3})?$/.test(text)) return text;
  draft.todo(`Put in a virtual address in place of "${text}".`);
  findings.note(addr, 'unsupported', `${problem?.message ?? 'It is no address that can be set.'}`);
  return null;
}

/** Of a netmask such as "255.255.255.0", or of a length such as "24"; null: it is none. */
function prefixOf(netmask: string, version: 4 | 6): number | null {
  if (/^[0-9]{1,3}$/.test(netmask)) {
    const length = Number(netmask);
    return length >= 1 && length <= (version === 4 ? 32 : 128) ? length : null;
  }
  const mask = parseIpAddress(netmask);
  if (mask?.version !== 4 || version !== 4) return null;
  const bits = mask.canonical
    .split('.')
    .map((part) => Number(part).toString(2).padStart(8, '0'))
    .join('');
  const [ones = ''] = /^1+/.exec(bits) ?? [];
  return ones !== '' && !bits.slice(ones.length).includes('1') ? ones.length : null;
}

/** `<virtual_interface>`: addresses that several hosts answer at once. */
export const virtualInterfaceRule: Rule = (element, { findings }) => {
  const says = 'Addresses that several hosts answer at once, for a farm. Use a load balancer.';
  findings.note(element, 'unsupported', says);
  for (const attribute of element.attributes) findings.note(attribute, 'unsupported', says);
  for (const address of childrenOf(element, 'virtual_addr')) {
    findings.note(address, 'unsupported', says);
    for (const attribute of address.attributes) findings.note(attribute, 'unsupported', says);
  }
};

/** `<loadbalancing_list>` and what is in it. */
export const loadBalancingRule: Rule = (element, { findings }) => {
  const says = 'Load is not shared between hosts. Use a load balancer: it may ask https://HOST:4810/ready/MODULE.';
  const visit = (each: Element): void => {
    findings.note(each, 'unsupported', says);
    for (const attribute of each.attributes) findings.note(attribute, 'unsupported', says);
    each.children.forEach(visit);
  };
  visit(element);
};
