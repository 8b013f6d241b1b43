/** What is done to the host that serves, in the order of the table. */
export const eventNames = ['powerLoss', 'guestCrash', 'linkCut', 'agentKill', 'switchover'] as const;
export type EventName = (typeof eventNames)[number];

export const eventTitles: Readonly<Record<EventName, string>> = {
  powerLoss: 'power loss',
  guestCrash: 'guest crash',
  linkCut: 'link cut',
  agentKill: 'agent kill',
  switchover: 'switchover',
};
