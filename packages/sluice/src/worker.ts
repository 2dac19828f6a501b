export * from '@sluice/worker';
