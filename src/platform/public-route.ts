import { SetMetadata } from '@nestjs/common';

/** Under this name a route carries who may use it; the access guard reads it and denies where it is missing. */
export const accessMetadata = 'tidemark:access';

/** A route that needs no key: health and documentation, never data. */
export const Public = () => SetMetadata<string, 'public'>(accessMetadata, 'public');
