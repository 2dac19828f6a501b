// CommonJS: Node loads the ES modules with require().
const producer = require('@sluice/producer');
const sluice = require('sluice');
const worker = require('@sluice/worker');

console.log(typeof worker.startPool, producer.connect === sluice.connect);
