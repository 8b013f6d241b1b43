/** One line of the audit log: who did what, from where, and what became of it. */
export interface AuditEntry {
  /** Name of the token; null: nobody was recognised. */
  readonly who: string | null;
  readonly role: string | null;
  /** Address and port of the client. */
  readonly from: string;
  /** Method of the API, 'connect' or 'enrol'. */
  readonly what: string;
  /** What it was about: module, host. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly outcome: 'done' | 'refused' | 'failed';
  /** Refusal code or reason; null when done. */
  readonly code: string | null;
  readonly message: string;
  readonly durationMs: number;
}

export type Audit = (entry: AuditEntry) => void;
