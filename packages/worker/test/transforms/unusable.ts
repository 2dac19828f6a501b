export const parse = () => null;
