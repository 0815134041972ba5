export interface DumpedGroup {
  /** As Go spells it: `chan receive`. */
  readonly state: string;
  /** Leaf first, as `package.Function file.go:line`. */
  readonly stack: readonly string[];
  /** `package.Function file.go:line` */
  readonly createdBy: string;
  /** Ids and whole minutes of waiting of its goroutines. */
  readonly goroutines: readonly { readonly id: number; readonly waitMinutes: number }[];
}

/** A dump as `debug=2` and SIGQUIT write it (Go runtime/traceback.go, goroutineheader and printcreatedby1). */
export function goroutineDump(groups: readonly DumpedGroup[]): Buffer {
  const frame = (call: string, place: string) => `${call}\n\t/src/${place} +0x1d`;
  const goroutines = groups.flatMap(({ state, stack, createdBy, goroutines: members }) =>
    members.map(({ id, waitMinutes }) => {
      const wait = waitMinutes > 0 ? `, ${waitMinutes} minutes` : '';
      const frames = stack.map((each) => {
        const [name, place] = each.split(' ');
        return frame(`${name}(0xc000012345)`, place);
      });
      const [creator, place] = createdBy.split(' ');
      return [
        `goroutine ${id} [${state}${wait}]:`,
        ...frames,
        frame(`created by ${creator} in goroutine 1`, place),
      ].join('\n');
    }),
  );
  const main = `goroutine 1 [running]:\n${frame('main.main()', 'shop/main.go:10')}`;
  return Buffer.from(`${[main, ...goroutines].join('\n\n')}\n`);
}

/**
 * One of a series of dumps of a service whose watchers leak: 20 of them more with every dump, `minutesApart` apart, beside a
 * pool of workers that is as large as ever.
 */
export function leakingDump(number: number, minutesApart: number, leak = 'shop/watch.(*Watcher).wait'): Buffer {
  const workers = Array.from({ length: 50 }, (_, i) => ({ id: 100 + i, waitMinutes: 0 }));
  const watchers = Array.from({ length: 20 * number }, (_, i) => ({
    id: 1_000 + i,
    waitMinutes: (number - 1 - Math.floor(i / 20)) * minutesApart,
  }));
  return goroutineDump([
    {
      state: 'select',
      stack: ['shop/pool.(*Pool).work shop/pool/pool.go:51', 'shop/pool.(*Pool).run shop/pool/pool.go:40'],
      createdBy: 'shop/pool.New shop/pool/pool.go:20',
      goroutines: workers,
    },
    {
      state: 'chan receive',
      stack: [`${leak} shop/watch/watch.go:42`, 'shop/watch.(*Watcher).Run shop/watch/watch.go:35'],
      createdBy: 'shop/watch.(*Watcher).Start shop/watch/watch.go:30',
      goroutines: watchers,
    },
  ]);
}
