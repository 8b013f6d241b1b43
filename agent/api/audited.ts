/** What of the requests of clients goes into the audit log. */
import { apiMethods, type ApiMethod } from '../../schemas/apiMethods.ts';
import type { ApplyResult } from '../../schemas/generated/api.ts';
import type { AuditEntry } from './audit.ts';

const questions: ReadonlySet<ApiMethod> = new Set(['configuration.read']);

/** Commands, whatever becomes of them; what only looks does not. */
export function isAudited(method: ApiMethod, params: object): boolean {
  if (apiMethods[method].role === 'viewer' || questions.has(method)) return false;
  return !isSet(params, 'dryRun') && !isSet(params, 'onlyLook');
}

/** Of files their names only. */
export function auditedParameters(params: object): AuditEntry['parameters'] {
  return Object.fromEntries(Object.entries(params).map(([key, value]) => [key, textOf(value)]));
}

/** What an answer says of the outcome: files that hosts refuse are no error of the request. */
export function auditedAnswer(result: object): Pick<AuditEntry, 'outcome' | 'code' | 'message'> {
  const { message = '', applied, problems = [] } = result as Partial<ApplyResult>;
  const isRefused = applied === false && problems.some(({ severity }) => severity === 'error');
  return isRefused ? { outcome: 'refused', code: 'NOT_APPLIED', message } : { outcome: 'done', code: null, message };
}

function isSet(params: object, key: string): boolean {
  return (params as Readonly<Record<string, unknown>>)[key] === true;
}

function textOf(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  return (value as unknown[])
    .map((each) => (typeof each === 'object' && each !== null && 'name' in each ? String(each.name) : String(each)))
    .join(', ');
}
