package config_test

import (
	"testing"

	"keepsake/internal/keeper"
)

func TestEnvironment(t *testing.T) {
	type env = map[string]string
	for _, c := range []struct {
		name string
		env  env
		row  string
		want string
	}{
		{"Host", env{"NEO_CHROMA_HOST": "db"}, "stores.kb", "chroma:http://db:8000 | environment NEO_CHROMA_HOST + preset neo"},
		{"Port", env{"NEO_CHROMA_PORT": "9000"}, "stores.kb", "chroma:http://localhost:9000 | environment NEO_CHROMA_PORT + preset neo"},
		{"HostAndPort", env{"NEO_CHROMA_HOST": "db", "NEO_CHROMA_PORT": "9"}, "stores.kb", "chroma:http://db:9 | environment NEO_CHROMA_HOST + environment NEO_CHROMA_PORT"},
		{"HostWithScheme", env{"NEO_CHROMA_HOST": "https://db/"}, "stores.kb", "chroma:https://db:8000 | environment NEO_CHROMA_HOST + preset neo"},
		{"HostIPv6", env{"NEO_CHROMA_HOST": "[::1]"}, "stores.kb", "chroma:http://[::1]:8000 | environment NEO_CHROMA_HOST + preset neo"},
		{"OlderHost", env{"NEO_KB_CHROMA_HOST": "old"}, "stores.kb", "chroma:http://old:8000 | environment NEO_KB_CHROMA_HOST + preset neo"},
		{"OlderPort", env{"NEO_KB_CHROMA_PORT": "7"}, "stores.kb", "chroma:http://localhost:7 | environment NEO_KB_CHROMA_PORT + preset neo"},
		{"NewerHostFirst", env{"NEO_CHROMA_HOST": "new", "NEO_KB_CHROMA_HOST": "old"}, "stores.kb", "chroma:http://new:8000 | environment NEO_CHROMA_HOST + preset neo"},
		{"NewerPortFirst", env{"NEO_CHROMA_PORT": "1", "NEO_KB_CHROMA_PORT": "2"}, "stores.kb", "chroma:http://localhost:1 | environment NEO_CHROMA_PORT + preset neo"},
		{"HostIsNotMCs", env{"NEO_CHROMA_HOST": "db", "NEO_CHROMA_PORT": "9"}, "stores.mc", "chroma:http://localhost:8001 | preset neo"},
		{"HostIsMCsWhenUnified", env{"NEO_CHROMA_HOST": "db", "NEO_CHROMA_UNIFIED": "true"}, "stores.mc", "chroma:http://db:8000 | environment NEO_CHROMA_HOST + preset neo"},
		{"OursFirst", env{"KEEPSAKE_KB_CHROMA": "chroma:http://ours:1", "NEO_CHROMA_HOST": "db", "NEO_CHROMA_PORT": "9"}, "stores.kb", "chroma:http://ours:1 | environment KEEPSAKE_KB_CHROMA"},
		{"OursIsADirectory", env{"KEEPSAKE_KB_CHROMA": "chromadir:backup/chroma"}, "stores.kb", "chromadir:ROOT/backup/chroma | environment KEEPSAKE_KB_CHROMA"},
		{"OursNamesTheCollection", env{"KEEPSAKE_KB_CHROMA": "chroma:http://ours:1#other"}, "collections.knowledge-base", "other | environment KEEPSAKE_KB_CHROMA"},
		{"OursForMC", env{"KEEPSAKE_MC_CHROMA": "collections:mc.db"}, "stores.mc", "collections:ROOT/mc.db | environment KEEPSAKE_MC_CHROMA"},
		{"OursForKBIsMCsWhenUnified", env{"KEEPSAKE_KB_CHROMA": "chroma:http://ours:1/t/d", "NEO_CHROMA_UNIFIED": "true", "NEO_CHROMA_DATABASE": "x"}, "stores.mc", "chroma:http://ours:1/t/d | environment KEEPSAKE_KB_CHROMA"},
		{"Database", env{"NEO_CHROMA_DATABASE": "neo"}, "stores.kb", "chroma:http://localhost:8000/default_tenant/neo | preset neo + environment NEO_CHROMA_DATABASE"},
		{"DatabaseOfMC", env{"NEO_CHROMA_DATABASE": "neo"}, "stores.mc", "chroma:http://localhost:8001/default_tenant/neo | preset neo + environment NEO_CHROMA_DATABASE"},
		{"DatabaseJoinsOurs", env{"KEEPSAKE_KB_CHROMA": "chroma:http://ours:1", "NEO_CHROMA_DATABASE": "neo"}, "stores.kb", "chroma:http://ours:1/default_tenant/neo | environment KEEPSAKE_KB_CHROMA + environment NEO_CHROMA_DATABASE"},
		{"DatabaseIsNoFiles", env{"KEEPSAKE_KB_CHROMA": "collections:kb.db", "NEO_CHROMA_DATABASE": "neo"}, "stores.kb", "collections:ROOT/kb.db | environment KEEPSAKE_KB_CHROMA"},
		{"Memory", env{"NEO_MEMORY_COLLECTION_NAME": "m-new", "MEMORY_COLLECTION_NAME": "m-old"}, "collections.memory", "m-new | environment NEO_MEMORY_COLLECTION_NAME"},
		{"OlderMemory", env{"MEMORY_COLLECTION_NAME": "m-old"}, "collections.memory", "m-old | environment MEMORY_COLLECTION_NAME"},
		{"Sessions", env{"NEO_SESSION_COLLECTION_NAME": "s-new", "SESSION_COLLECTION_NAME": "s-old"}, "collections.summaries", "s-new | environment NEO_SESSION_COLLECTION_NAME"},
		{"OlderSessions", env{"SESSION_COLLECTION_NAME": "s-old"}, "collections.summaries", "s-old | environment SESSION_COLLECTION_NAME"},
		{"Graph", env{"NEO_MEMORY_DB_PATH": "other/graph.sqlite"}, "stores.graph", "graph:ROOT/other/graph.sqlite | environment NEO_MEMORY_DB_PATH"},
		{"BackupRoot", env{"NEO_BACKUP_PATH": "b"}, "backup-root", "ROOT/b | environment NEO_BACKUP_PATH"},
		{"RetainK", env{"NEO_BACKUP_RETAIN_K": "5"}, "retention.keep", "5 | environment NEO_BACKUP_RETAIN_K"},
		{"RetainNoneLoads", env{"NEO_BACKUP_RETAIN_K": "0"}, "retention.keep", "0 | environment NEO_BACKUP_RETAIN_K"},
		{"RetainDays", env{"NEO_BACKUP_RETAIN_DAYS": "30"}, "retention.days", "30 | environment NEO_BACKUP_RETAIN_DAYS"},
		{"Dimension", env{"NEO_VECTOR_DIMENSION": "1024"}, "vector-dimension", "1024 | environment NEO_VECTOR_DIMENSION"},
		{"Destructive", env{"NEO_ALLOW_PRODUCTION_DESTRUCTIVE": "true"}, "production-destructive", "true | environment NEO_ALLOW_PRODUCTION_DESTRUCTIVE"},
		{"DestructiveLonger", env{"NEO_ALLOW_PRODUCTION_DESTRUCTIVE_AI_SUBSTRATE": "true"}, "production-destructive", "true | environment NEO_ALLOW_PRODUCTION_DESTRUCTIVE_AI_SUBSTRATE"},
		{"DestructiveEither", env{"NEO_ALLOW_PRODUCTION_DESTRUCTIVE": "no", "NEO_ALLOW_PRODUCTION_DESTRUCTIVE_AI_SUBSTRATE": "true"}, "production-destructive", "true | environment NEO_ALLOW_PRODUCTION_DESTRUCTIVE_AI_SUBSTRATE"},
		{"DestructiveExactly", env{"NEO_ALLOW_PRODUCTION_DESTRUCTIVE": "TRUE"}, "production-destructive", "false | environment NEO_ALLOW_PRODUCTION_DESTRUCTIVE"},
		{"DestructiveIsNotOne", env{"NEO_ALLOW_PRODUCTION_DESTRUCTIVE": "1"}, "production-destructive", "false | environment NEO_ALLOW_PRODUCTION_DESTRUCTIVE"},
		{"Token", env{"KEEPSAKE_CHROMA_TOKEN": "s3cret"}, "stores.mc.token", "set (withheld) | environment KEEPSAKE_CHROMA_TOKEN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, cfg := setting{env: c.env}.mustLoad(t)
			if got := rows(cfg, root)[c.row]; got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestEnvironmentRefused(t *testing.T) {
	type env = map[string]string
	const file = "stores:\n  kb: collections:kb.db\n"
	for _, c := range []struct {
		name string
		env  env
		file string
		want string
	}{
		{"PortIsAWord", env{"NEO_CHROMA_PORT": "http"}, "", "read environment NEO_CHROMA_PORT: chroma: the port is no number from 1 to 65535"},
		{"PortTooHigh", env{"NEO_CHROMA_PORT": "65536"}, "", "read environment NEO_CHROMA_PORT: chroma: the port is no number from 1 to 65535"},
		{"OlderPortNegative", env{"NEO_KB_CHROMA_PORT": "-1"}, "", "read environment NEO_KB_CHROMA_PORT: chroma: the port is no number from 1 to 65535"},
		{"HostWithPort", env{"NEO_CHROMA_HOST": "db:8000"}, "", "read environment NEO_CHROMA_HOST: chroma: no host, or one that is no name and no address"},
		{"HostWithPath", env{"NEO_CHROMA_HOST": "db/x"}, "", "read environment NEO_CHROMA_HOST: chroma: no host, or one that is no name and no address"},
		{"HostWithPassword", env{"NEO_CHROMA_HOST": "http://me:secret@db"}, "", "read environment NEO_CHROMA_HOST: credentials don't belong in an address"},
		{"HostOfAnotherScheme", env{"NEO_CHROMA_HOST": "ftp://db"}, "", "read environment NEO_CHROMA_HOST: want a host, or one after http:// or https://"},
		{"HostAgainstFile", env{"NEO_CHROMA_HOST": "db"}, file, "read environment NEO_CHROMA_HOST: it names a Chroma server, but kb is collections:ROOT/kb.db (file ROOT/keepsake.yaml:2)"},
		{"PortAgainstFile", env{"NEO_CHROMA_PORT": "1"}, file, "read environment NEO_CHROMA_PORT: it names a Chroma server, but kb is collections:ROOT/kb.db (file ROOT/keepsake.yaml:2)"},
		{"NoStore", env{"KEEPSAKE_KB_CHROMA": "localhost:8000"}, "", `read environment KEEPSAKE_KB_CHROMA: parse store: unknown kind "localhost"; want ` + keeper.Kinds().Forms()},
		{"NoVectors", env{"KEEPSAKE_MC_CHROMA": "files:x"}, "", "read environment KEEPSAKE_MC_CHROMA: a files store holds no vectors; want chroma:…, chromadir:… or collections:…"},
		{"OneNameForTwo", env{"KEEPSAKE_MC_CHROMA": "chroma:http://db:1#one"}, "", "read environment KEEPSAKE_MC_CHROMA: mc has two collections, so that one name after # is not enough"},
		{"Unified", env{"NEO_CHROMA_UNIFIED": "yes"}, "", "read environment NEO_CHROMA_UNIFIED: want true or false"},
		{"Database", env{"NEO_CHROMA_DATABASE": ".."}, "", "read environment NEO_CHROMA_DATABASE: no name of a database"},
		{"Collection", env{"NEO_MEMORY_COLLECTION_NAME": "a b"}, "", `read environment NEO_MEMORY_COLLECTION_NAME: collection "a b": want 3 to 512 letters, digits, dots, dashes and underscores`},
		{"ShadowCollection", env{"SESSION_COLLECTION_NAME": "neo-agent-sessions-shadow-1"}, "", `read environment SESSION_COLLECTION_NAME: collection "neo-agent-sessions-shadow-1": a name with "-shadow-" is one of Neo's own leftovers, never a source`},
		{"ParkingCollection", env{"NEO_MEMORY_COLLECTION_NAME": "neo-agent-memory-parking-1"}, "", `read environment NEO_MEMORY_COLLECTION_NAME: collection "neo-agent-memory-parking-1": a name with "-parking-" is one of Neo's own leftovers, never a source`},
		{"GraphInMemory", env{"NEO_MEMORY_DB_PATH": ":memory:"}, "", "read environment NEO_MEMORY_DB_PATH: a graph in memory can't be read by another process"},
		{"Tilde", env{"NEO_BACKUP_PATH": "~/backups"}, "", "read environment NEO_BACKUP_PATH: ~ is only known to a shell: write the path out"},
		{"Dimension", env{"NEO_VECTOR_DIMENSION": "0"}, "", `read environment NEO_VECTOR_DIMENSION: "0" is no whole number from 1 up`},
		{"Token", env{"KEEPSAKE_CHROMA_TOKEN": "two words"}, "", "read environment KEEPSAKE_CHROMA_TOKEN: the token holds white space or control characters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, _, err := setting{env: c.env, file: c.file}.load(t)
			wantError(t, err, root, c.want)
		})
	}
}
