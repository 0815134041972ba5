export interface Figure {
  readonly mean: number;
  readonly count: number;
}

export type Floors = Readonly<Record<string, { readonly least?: number; readonly most?: number }>>;

export function drops(figures: Readonly<Record<string, Figure>>, floors: Floors): string[];
