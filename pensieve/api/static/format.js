// Numbers as people read them.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** 12345 → "12,345". */
export function count(number) {
  return WHOLE.format(number);
}

/** Large counts in few characters: 1234567 → "1.2 M". */
export function about(number) {
  if (number < 10_000) return count(number);
  if (number < 1_000_000) return `${WHOLE.format(number / 1000)} k`;
  return `${digits(number / 1_000_000)} M`;
}

/** Seconds: "0.4 ms", "85 ms", "1.24 s", "3 min 5 s". */
export function seconds(time) {
  if (time < 0.00095) return `${(time * 1000).toFixed(1)} ms`;
  if (time < 0.9995) return `${WHOLE.format(time * 1000)} ms`;
  if (time < 100) return `${digits(time)} s`;
  return duration(time);
}

/** Whole times: "12 s", "3 min 5 s", "2 h 10 min", "4 d 3 h". */
export function duration(time) {
  const whole = Math.round(time);
  const units = [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ];
  const first = units.findIndex(([, size]) => whole >= size);
  if (first < 0) return "0 s";
  return units
    .slice(first, first + 2)
    .map(([name, size], i) => [
      name,
      Math.floor((i ? whole % units[first][1] : whole) / size),
    ])
    .filter(([, number], i) => number || !i)
    .map(([name, number]) => `${number} ${name}`)
    .join(" ");
}

/** Bytes: "85 kB", "512 MB", "14.2 GB". */
export function bytes(number) {
  if (number < 1e6) return `${WHOLE.format(number / 1e3)} kB`;
  if (number < 1e9) return `${WHOLE.format(number / 1e6)} MB`;
  return `${digits(number / 1e9)} GB`;
}

/** A rate: "8.25", "84.1", "1,240". */
export function rate(number) {
  return digits(number);
}

/** A part of a whole: "0 %", "93 %"; "99 %" until it is all of it. */
export function share(part, whole) {
  if (!whole) return "0 %";
  const percent = (100 * part) / whole;
  return `${percent > 99 && part < whole ? 99 : Math.round(percent)} %`;
}

/** The time of day of seconds since the epoch. */
export function clock(at) {
  return CLOCK.format(new Date(at * 1000));
}

/** The middle one of some numbers, at least one. */
export function median(numbers) {
  const sorted = [...numbers].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Three digits that count. */
function digits(number) {
  const places = number < 10 ? 2 : number < 100 ? 1 : 0;
  return number.toLocaleString("en", {
    minimumFractionDigits: places,
    maximumFractionDigits: places,
  });
}
