import { Global, Module } from '@nestjs/common';
import { archiveFolder, CONFIG, type Config } from '../platform/config.js';
import { ARCHIVE } from './archive.js';
import { FolderArchive } from './folder-archive.js';
import { Spool } from './spool.js';

/** The one place that decides where raw bytes live. */
@Global()
@Module({
  providers: [
    {
      provide: ARCHIVE,
      inject: [CONFIG],
      useFactory: (config: Config) => FolderArchive.open(archiveFolder(config)),
    },
    { provide: Spool, inject: [ARCHIVE], useFactory: (archive: FolderArchive) => new Spool(archive.unfinishedFolder) },
  ],
  exports: [ARCHIVE, Spool],
})
export class ArchiveModule {}
