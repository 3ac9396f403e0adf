// Where packages come from and how they are reached. Not where npm keeps its cache or whose npmrc it
// read: `npm start` sets those for everything below it, and inside a sandbox such folders do not exist.
const SETTING =
  /^(PIP_.+|npm_config_(.*registry|.*proxy|cafile|ca|strict_ssl|fetch_.+)|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|HTTPS?_PROXY|NO_PROXY)$/i;

/** What pip and npm are told by the environment on this machine; scripts themselves never see it. */
export function packageManagerSettings(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value !== undefined && SETTING.test(name) ? [[name, value]] : [],
    ),
  );
}
