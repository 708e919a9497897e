// The library itself.

/** The version of the library, such as `'0.1.0'`. */
export function version(): string;
/** The version of its binary interface. */
export function abiVersion(): number;
/** How the library was built. */
export function buildInfo(): { version: string; abiVersion: number; target: string; profile: string; features: string[] };
/** How many handles are live in the process: what a leak check compares with zero. */
export function liveObjects(
  kind?: 'all' | 'backend' | 'sandbox' | 'exec' | 'dispatcher' | 'volume' | 'file' | 'queue' | 'op',
): number;
