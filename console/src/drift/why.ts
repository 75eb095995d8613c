import type { Drift } from '../api/types';

/** why says what most likely made a drift as severe as it is, by the same marks that the API weighs; nothing where that is not clear. */
export function why(drift: Drift): string | undefined {
  const difference = Object.entries(drift.difference);
  const names = difference.map(([path]) => path);
  if (drift.severity === 'info') {
    return difference.every(([path, d]) => d.order === true || /(^|\.)(tags|tags_all|labels|annotations)\b/.test(path)) ? 'Only labels or an order differ.' : undefined;
  }
  if (drift.severity !== 'critical') {
    return undefined;
  }
  if (drift.actualState === null || drift.plannedAction === 'delete') {
    return drift.actualState === null ? 'The resource is gone.' : 'The plan would delete it.';
  }
  const world = /(^|[^0-9.])(0\.0\.0\.0\/[01]|::\/[01])($|[^0-9])/;
  if (difference.some(([path, d]) => world.test(`${path} ${JSON.stringify(d.actual)}`) && d.actual !== null)) {
    return 'It is open to the whole internet.';
  }
  if (/iam|policy|role/.test(drift.resourceType) || names.some((n) => n.includes('policy'))) {
    return 'Who may do what has changed.';
  }
  return undefined;
}
