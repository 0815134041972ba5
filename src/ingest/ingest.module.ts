import { Module, type OnModuleDestroy } from '@nestjs/common';
import { ArchiveModule } from '../archive/archive.module.js';
import { Database } from '../platform/database.js';
import { ServiceRegistry } from '../tenants/services.js';
import { TenantsModule } from '../tenants/tenants.module.js';
import { announcerProvider } from './announcer-provider.js';
import { Announcer } from './announcer.js';
import { CaptureController } from './capture.controller.js';
import { CaptureService } from './capture.service.js';
import { InFlightKeys } from './in-flight-keys.js';
import { UploadController } from './upload.controller.js';
import { UploadService } from './upload.service.js';
import { Uploads } from './uploads.js';

/** The API's part of ingest: takes uploads in. */
@Module({
  imports: [ArchiveModule, TenantsModule],
  controllers: [UploadController, CaptureController],
  providers: [
    UploadService,
    CaptureService,
    InFlightKeys,
    announcerProvider,
    {
      provide: Uploads,
      inject: [Database, ServiceRegistry],
      useFactory: (db: Database, services: ServiceRegistry) => new Uploads(db, services),
    },
  ],
})
export class IngestModule implements OnModuleDestroy {
  constructor(private readonly announcer: Announcer) {}

  async onModuleDestroy(): Promise<void> {
    await this.announcer.settled();
  }
}
