/** Net prices in millionths of a euro. */
export interface Price {
  readonly hourlyMicros: number;
  readonly monthlyMicros: number;
}

export interface Deprecation {
  readonly announcedAt: number;
  /** From then on the type is in no list and cannot be ordered. */
  readonly unavailableAfter: number;
}

export interface ServerType {
  readonly id: number;
  readonly name: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly diskGb: number;
  readonly cpuType: 'shared' | 'dedicated';
  readonly architecture: 'x86' | 'arm';
  readonly category: string;
  /** Where the type exists at all, by the name of the location. */
  readonly prices: ReadonlyMap<string, Price>;
  readonly deprecation: Deprecation | null;
}

type Series = Pick<ServerType, 'cpuType' | 'architecture' | 'category'> & {
  locations: readonly string[];
  deprecation?: Deprecation;
};

/** id, name, cores, memory and disk in GB, net price of a month and of an hour in euros. */
type Row = readonly [number, string, number, number, number, number, number];

const EUROPE = ['fsn1', 'nbg1', 'hel1'];
const UNITED_STATES = ['ash', 'hil'];

const COST_OPTIMIZED: Series = {
  cpuType: 'shared',
  architecture: 'x86',
  category: 'cost_optimized',
  locations: EUROPE,
};
const REGULAR: Series = { ...COST_OPTIMIZED, category: 'regular_purpose' };
const DEDICATED: Series = { ...REGULAR, cpuType: 'dedicated', category: 'general_purpose' };

// Announced and withdrawn in the change of October 2025, which brought CX23 and its siblings.
const RETIRED_2025: Deprecation = {
  announcedAt: Date.UTC(2025, 9, 16, 6),
  unavailableAfter: Date.UTC(2025, 11, 31, 23, 59, 59),
};

// Known with IPv4 only: 15.99 and 26.99 a month, of which 0.50 are the address.
const SINGAPORE: ReadonlyMap<string, Price> = new Map([
  ['cpx12', price(15.49, 0.0248)],
  ['cpx22', price(26.49, 0.0425)],
]);

/**
 * Prices for new orders since 15 June 2026, without VAT and without IPv4. An hour costs the 624th
 * part of a month; the vendor publishes it rounded to four places. US prices are those of the old CPX
 * line, the only ones known; other types are offered there, but at prices we do not know.
 */
export const SERVER_TYPES: readonly ServerType[] = [
  ...series(COST_OPTIMIZED, [
    [114, 'cx23', 2, 4, 40, 5.49, 0.0088],
    [115, 'cx33', 4, 8, 80, 8.49, 0.0136],
    [116, 'cx43', 8, 16, 160, 15.99, 0.0256],
    [117, 'cx53', 16, 32, 320, 29.49, 0.0473],
  ]),
  ...series({ ...COST_OPTIMIZED, architecture: 'arm' }, [
    [45, 'cax11', 2, 4, 40, 5.99, 0.0096],
    [93, 'cax21', 4, 8, 80, 10.49, 0.0168],
    [94, 'cax31', 8, 16, 160, 20.99, 0.0336],
    [95, 'cax41', 16, 32, 320, 40.99, 0.0657],
  ]),
  ...series(REGULAR, [
    [108, 'cpx12', 1, 2, 40, 11.49, 0.0184],
    [109, 'cpx22', 2, 4, 80, 19.49, 0.0312],
    [110, 'cpx32', 4, 8, 160, 35.49, 0.0569],
    [111, 'cpx42', 8, 16, 320, 69.49, 0.1114],
    [112, 'cpx52', 12, 24, 480, 100.49, 0.161],
    [113, 'cpx62', 16, 32, 640, 129.99, 0.2083],
  ]).map(withSingapore),
  ...series({ ...REGULAR, locations: UNITED_STATES }, [
    [22, 'cpx11', 2, 2, 40, 17.49, 0.028],
    [23, 'cpx21', 3, 4, 80, 31.99, 0.0513],
    [24, 'cpx31', 4, 8, 160, 62.49, 0.1001],
    [25, 'cpx41', 8, 16, 240, 120.49, 0.1931],
    [26, 'cpx51', 16, 32, 360, 237.99, 0.3814],
  ]),
  ...series(DEDICATED, [
    [96, 'ccx13', 2, 8, 80, 42.99, 0.0689],
    [97, 'ccx23', 4, 16, 160, 85.99, 0.1378],
    [98, 'ccx33', 8, 32, 240, 138.49, 0.2219],
    [99, 'ccx43', 16, 64, 360, 275.99, 0.4423],
    [100, 'ccx53', 32, 128, 600, 533.49, 0.855],
    [101, 'ccx63', 48, 192, 960, 853.49, 1.3678],
  ]),
  ...series({ ...COST_OPTIMIZED, deprecation: RETIRED_2025 }, [
    [104, 'cx22', 2, 4, 40, 3.79, 0.0061],
    [105, 'cx32', 4, 8, 80, 6.8, 0.0109],
    [106, 'cx42', 8, 16, 160, 16.4, 0.0263],
    [107, 'cx52', 16, 32, 320, 32.4, 0.0519],
  ]),
];

export function isRetired(deprecation: Deprecation | null, now: number): boolean {
  return deprecation !== null && now > deprecation.unavailableAfter;
}

function series(shared: Series, rows: readonly Row[]): ServerType[] {
  const { locations, deprecation = null, ...traits } = shared;
  return rows.map(([id, name, cores, memoryGb, diskGb, monthlyEur, hourlyEur]) => ({
    ...traits,
    id,
    name,
    cores,
    memoryGb,
    diskGb,
    prices: new Map(locations.map((location) => [location, price(monthlyEur, hourlyEur)])),
    deprecation,
  }));
}

function withSingapore(type: ServerType): ServerType {
  const there = SINGAPORE.get(type.name);
  return there ? { ...type, prices: new Map([...type.prices, ['sin', there]]) } : type;
}

function price(monthlyEur: number, hourlyEur: number): Price {
  return {
    monthlyMicros: Math.round(monthlyEur * 1_000_000),
    hourlyMicros: Math.round(hourlyEur * 1_000_000),
  };
}

export const IPV4_PRICE: Price = price(0.5, 0.0008);
