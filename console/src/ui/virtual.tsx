// A list of any length: only the rows in sight are in the page. Rows have one height, which the style sheet gives.
import type { ComponentChildren } from 'preact';
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

interface Props {
  count: number;
  label: string;
  row: (index: number) => ComponentChildren;
  /** The index of the row that must be in sight. */
  active?: number;
  onRange: (last: number) => void;
  before?: ComponentChildren;
  after?: ComponentChildren;
}

const spare = 12; // rows beyond each edge

export function VirtualList({ count, label, row, active, onRange, before, after }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const probe = useRef<HTMLDivElement>(null);
  const height = useSignal(44);
  const range = useSignal<[number, number]>([0, 40]);

  const measure = () => {
    const box = scroller.current;
    if (box === null) {
      return;
    }
    height.value = probe.current?.offsetHeight || height.value;
    const first = Math.floor(box.scrollTop / height.value);
    const last = Math.min(count, Math.ceil((box.scrollTop + box.clientHeight) / height.value));
    // Only when a row in sight is missing, so that most steps of scrolling draw nothing.
    if (first < range.value[0] || last > range.value[1] || range.value[1] > count + spare) {
      range.value = [Math.max(0, first - spare), last + spare];
    }
    onRange(last);
  };
  useLayoutEffect(measure, [count]);
  useEffect(() => {
    const observer = new ResizeObserver(measure);
    if (scroller.current !== null) {
      observer.observe(scroller.current);
    }
    return () => observer.disconnect();
  }, [count]);
  useLayoutEffect(() => {
    const box = scroller.current;
    if (box === null || active === undefined || active < 0) {
      return;
    }
    const top = active * height.value;
    if (top < box.scrollTop) {
      box.scrollTop = top;
    } else if (top + height.value > box.scrollTop + box.clientHeight) {
      box.scrollTop = top + height.value - box.clientHeight;
    }
    measure();
  }, [active]);

  const [first, last] = range.value;
  const rows = [];
  for (let i = first; i < Math.min(last, count); i++) {
    rows.push(row(i));
  }
  return (
    <div class="virtual" ref={scroller} onScroll={measure}>
      <div class="row row-probe" ref={probe} aria-hidden="true" />
      {before}
      <div class="rows" style={{ height: `${count * height.value}px` }}>
        <ul aria-label={label} style={{ transform: `translateY(${first * height.value}px)` }}>
          {rows}
        </ul>
      </div>
      {after}
    </div>
  );
}
