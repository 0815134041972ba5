import { clip } from './statistics.js';

/** `83 %` */
export function percent(share: number): string {
  return `${Math.round(clip(share, 0, 1) * 100)} %`;
}

/** `1.5 MiB` */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = Math.abs(bytes);
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${bytes < 0 ? '-' : ''}${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

/** `1 instance`, `2 instances` */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Over how much of a series its trend is taken: from when it began to grow. */
export function trendText(statistic: string, points: number, snapshots: number): string {
  return `${statistic} over ${points === snapshots ? '' : `the last ${points} of `}${snapshots} snapshots`;
}

/** @param goesOn see GrowthShape */
export function goesOnText({ goesOn }: { readonly goesOn: number }): string {
  return `${percent(goesOn)}: the slope of the later half and of the last third against that of the whole`;
}
