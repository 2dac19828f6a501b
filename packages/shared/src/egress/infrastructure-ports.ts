import type { Egress } from './egress-policy.ts';

/** Services of one kind, and the ports that they listen on by default. */
export type ServiceGroup = {
  kind: string;
  services: readonly (readonly [name: string, ...ports: number[]])[];
};

/**
 * The services that others of a network depend on. They trust whoever reaches them, and are seldom meant when somebody
 * allows `10.0.0.0/8`. A request to one reads or changes what it should not, and servers that read lines of text take a
 * body for commands. Sources: IANA's service name and port number registry; where that has another owner or none, the
 * vendor's page of default ports (Kubernetes "Ports and Protocols", HashiCorp "Required ports", RabbitMQ "Networking",
 * and so on). Left out: what the Fetch standard blocks anyway (bad-ports.ts); ports that ordinary HTTP services use as
 * often (3000, 5000, 8000, 8080, 9000, 9090); and ports from 32768 on, which systems assign to programs that ask for
 * any port.
 */
export const infrastructure: readonly ServiceGroup[] = [
  {
    kind: 'databases, caches and search',
    services: [
      ['Redis', 6379, 6380, 16379, 26379],
      ['Memcached', 11211],
      ['PostgreSQL', 5432],
      ['PgBouncer', 6432],
      ['MySQL', 3306],
      ['Galera', 4567, 4568],
      ['SQL Server', 1433, 1434],
      ['Oracle Database', 1521, 2483, 2484],
      ['Firebird', 3050],
      ['CockroachDB', 26257],
      ['MongoDB', 27017, 27018, 27019],
      ['Cassandra', 7199, 9042, 9142, 9160],
      ['Couchbase', 8091, 11207, 11210, 18091],
      ['CouchDB', 5984, 6984],
      ['Elasticsearch or OpenSearch', 9200, 9300],
      ['Solr', 8983],
      ['Meilisearch', 7700],
      ['Typesense', 8108],
      ['InfluxDB', 8086],
      ['ClickHouse', 8123],
      ['Neo4j', 7473, 7474, 7687],
      ['ArangoDB', 8529],
      ['RethinkDB', 28015, 29015],
      ['HDFS', 8020, 9870],
      ['HBase', 16000, 16010, 16020],
      ['Qdrant', 6333, 6334],
      ['Milvus', 19530],
    ],
  },
  {
    kind: 'message brokers',
    services: [
      ['Kafka', 9092, 9093, 9094],
      ['ZooKeeper', 2181, 2888, 3888],
      ['RabbitMQ', 5671, 5672, 15671, 15672, 25672],
      ['Erlang', 4369],
      ['NATS', 4222, 6222, 8222],
      ['MQTT', 1883, 8883],
      ['Pulsar', 6650, 6651],
      ['ActiveMQ', 8161],
      ['IBM MQ', 1414],
      ['NSQ', 4150, 4151, 4160, 4161],
      ['Beanstalkd', 11300],
      ['Gearman', 4730],
    ],
  },
  {
    kind: 'control planes',
    services: [
      ['Docker', 2375, 2376],
      ['Docker Swarm', 2377, 7946],
      ['etcd', 2379, 2380, 2381],
      ['Kubernetes', 6443, 16443, 10251, 10252, 10253, 10257, 10258, 10259],
      ['a kubelet', 4194, 10248, 10250, 10255],
      ['kube-proxy', 10249, 10256],
      ['Consul', 8300, 8301, 8302, 8500, 8501, 8502, 8503, 8600],
      ['Vault', 8200, 8201],
      ['Nomad', 4646, 4647, 4648],
      ['Envoy', 9901, 15000],
      ['Istio', 15010, 15012, 15014, 15017],
      ['Caddy', 2019],
      ['Spark', 6066, 7077],
      ['YARN', 8032],
      ['Ray', 8265],
      ['Salt', 4505, 4506],
      ['Puppet', 8140],
    ],
  },
  {
    kind: 'machines and their files',
    services: [
      ['SMB', 445],
      ['rsync', 873],
      ['iSCSI', 3260],
      ['Kerberos', 88, 464],
      ['Active Directory', 3268, 3269],
      ['IPMI', 623],
      ['Remote Desktop', 3389],
      ['VNC', 5900, 5901],
      ['WinRM', 5985, 5986],
      ['Zabbix', 10050, 10051],
      ['NRPE', 5666],
      ['Java RMI', 1099],
      ['AJP', 8009],
      ['a debugger', 9222, 9229],
    ],
  },
];

const serviceOf: ReadonlyMap<number, string> = new Map(
  infrastructure.flatMap(({ services }) =>
    services.flatMap(([name, ...ports]) => ports.map((port): [number, string] => [port, name])),
  ),
);

const reachesInside = ({ allow, allowHosts }: Egress) => allow.length > 0 || allowHosts.length > 0;

/**
 * The service that uses this port, if these rules block the port for that; otherwise null. They block it if they allow
 * internal addresses and do not list ports: on the public internet there is no infrastructure to protect.
 */
export function closedTo(port: number, egress: Egress): string | null {
  return egress.ports === undefined && reachesInside(egress) ? (serviceOf.get(port) ?? null) : null;
}

/** The ports of infrastructure that these rules block, by their kind, in ascending order; empty when none. */
export function closedPorts(egress: Egress): { kind: string; ports: number[] }[] {
  if (egress.ports !== undefined || !reachesInside(egress)) return [];
  return infrastructure.map(({ kind, services }) => ({
    kind,
    ports: services.flatMap(([, ...ports]) => ports).sort((one, other) => one - other),
  }));
}
