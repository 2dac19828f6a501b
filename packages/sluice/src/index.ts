export * from '@sluice/producer';
