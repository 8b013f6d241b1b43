export const powerSwitchPort = 4990;
