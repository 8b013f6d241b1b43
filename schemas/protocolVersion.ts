/** Version of the API between agents and their clients. A client of another version is refused with PROTOCOL_VERSION. */
export const apiProtocolVersion = 1;

/** Version of the control protocol between agents. */
export const agentProtocolVersion = 4;
