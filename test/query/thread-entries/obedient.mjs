import { parentPort, threadId, workerData } from 'node:worker_threads';

// A query thread that does what the request says: answers, fails, dies or never comes back.
parentPort.on('message', ({ id, tenantId, request }) => {
  const [what, text] = request.op.split(' ');
  switch (what) {
    case 'answer': {
      const body = new TextEncoder().encode(JSON.stringify({ tenantId, text, threadId, workerData }));
      return parentPort.postMessage({ id, is: 'answer', answer: { contentType: 'application/json', body } });
    }
    case 'wait':
      return (
        Atomics.wait(request.gate, 0, 0),
        parentPort.postMessage({ id, is: 'answer', answer: { contentType: '', body: new Uint8Array() } })
      );
    case 'refuse':
      return parentPort.postMessage({ id, is: 'problem', code: 'bad-pattern', detail: text, options: { limit: 'x' } });
    case 'fail':
      return parentPort.postMessage({ id, is: 'error', cause: text });
    case 'exit':
      return process.exit(3);
    case 'throw':
      throw new Error(text);
    case 'exhaust': {
      const hoard = [];
      for (;;) hoard.push(new Array(1e6).fill({}));
    }
  }
});
