export const transform = () => null;

throw new Error('no licence for the parser');
