import type { ConditionStatus } from '../../schemas/generated/api.ts';
import type { Series } from '../checks/series.ts';

/** How a check or a condition stands, as it is shown. */
export function statusOfSeries(name: string, { state, since, error }: Series): ConditionStatus {
  return { name, state, since: new Date(Date.now() - (performance.now() - since)).toISOString(), error };
}
