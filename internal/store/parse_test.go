package store_test

import (
	"errors"
	"strings"
	"testing"

	"keepsake/internal/keeper"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

func TestParseStore(t *testing.T) {
	chroma := func(scheme, host string, port int) store.Ref {
		return store.Ref{Kind: memory.KindChroma, Scheme: scheme, Host: host, Port: port}
	}
	with := func(s store.Ref, tenant, database, collection string) store.Ref {
		s.Tenant, s.Database, s.Collection = tenant, database, collection
		return s
	}
	for _, c := range []struct {
		text string
		want store.Ref
		back string // as String writes it, text when empty
	}{
		{"chroma:http://localhost:8000", chroma("http", "localhost", 8000), ""},
		{"chroma:http://localhost:8000/", chroma("http", "localhost", 8000), "chroma:http://localhost:8000"},
		{"chroma:http://LocalHost:08000", chroma("http", "localhost", 8000), "chroma:http://localhost:8000"},
		{"chroma:https://chroma.example", chroma("https", "chroma.example", 443), "chroma:https://chroma.example:443"},
		{"chroma:http://[::1]:8000", chroma("http", "::1", 8000), ""},
		{"chroma:http://[0:0::1]:8000", chroma("http", "::1", 8000), "chroma:http://[::1]:8000"},
		{"chroma:http://127.0.0.1:1/t/d", with(chroma("http", "127.0.0.1", 1), "t", "d", ""), ""},
		{"chroma:http://h:65535/t/d#neo-agent-memory", with(chroma("http", "h", 65535), "t", "d", "neo-agent-memory"), ""},
		{"chroma:http://h:1#abc", with(chroma("http", "h", 1), "", "", "abc"), ""},
		{"chroma:http://my_host:1/a%2Fb/ü", with(chroma("http", "my_host", 1), "a/b", "ü", ""), "chroma:http://my_host:1/a%2Fb/%C3%BC"},
		{"chromadir:/srv/chroma", store.Ref{Kind: memory.KindChromaDir, Path: "/srv/chroma"}, ""},
		{`collections:C:\memory\kb.db`, store.Ref{Kind: memory.KindCollections, Path: `C:\memory\kb.db`}, ""},
		{"graph:with space#and@more?.sqlite", store.Ref{Kind: memory.KindGraph, Path: "with space#and@more?.sqlite"}, ""},
		{"sqlite:state/**/*.db", store.Ref{Kind: memory.KindSQLite, Path: "state/**/*.db"}, ""},
		{"files:./logs", store.Ref{Kind: memory.KindFiles, Path: "./logs"}, ""},
	} {
		t.Run(c.text, func(t *testing.T) {
			got, err := keeper.Kinds().Parse(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			back := c.back
			if back == "" {
				back = c.text
			}
			if got.String() != back {
				t.Errorf("got %q back, want %q", got.String(), back)
			}
		})
	}
}

func TestParseStoreRefused(t *testing.T) {
	const (
		noHost  = "parse store: chroma: no host, or one that is no name and no address"
		noPort  = "parse store: chroma: the port is no number from 1 to 65535"
		noPath  = "parse store: chroma: want /tenant/database after the port, or nothing"
		scheme  = "parse store: chroma: the address has to begin with http:// or https://"
		secrets = "parse store: chroma: credentials don't belong in an address"
		name    = "want 3 to 512 letters, digits, dots, dashes and underscores"
	)
	for _, c := range []struct{ name, text, want string }{
		{"Empty", "", "parse store: no kind; want " + keeper.Kinds().Forms()},
		{"PathAlone", "/srv/graph.sqlite", "parse store: no kind; want " + keeper.Kinds().Forms()},
		{"UnknownKind", "mysql:/srv/x", `parse store: unknown kind "mysql"; want ` + keeper.Kinds().Forms()},
		{"UpperCase", "Graph:/srv/x", `parse store: unknown kind "Graph"; want ` + keeper.Kinds().Forms()},
		{"DriveLetter", `C:\graph.sqlite`, `parse store: unknown kind "C"; want ` + keeper.Kinds().Forms()},
		{"AddressAlone", "http://h:1", `parse store: unknown kind "http"; want ` + keeper.Kinds().Forms()},
		{"NoPath", "graph:", "parse store: graph: no path"},
		{"NoDatabase", "sqlite:", "parse store: sqlite: no path"},
		{"BlankPath", "files: ", "parse store: files: no path"},
		{"NUL", "files:a\x00b", "parse store: control characters or invalid UTF-8"},
		{"Newline", "files:a\nb", "parse store: control characters or invalid UTF-8"},
		{"InvalidUTF8", "files:\xff", "parse store: control characters or invalid UTF-8"},
		{"NoScheme", "chroma:localhost", scheme},
		{"NoSchemeWithPort", "chroma:localhost:8000", scheme},
		{"AnotherScheme", "chroma:ftp://h:1", scheme},
		{"Opaque", "chroma:http:h:1", scheme},
		{"User", "chroma:http://me@h:1", secrets},
		{"Password", "chroma:http://me:secret@h:1", secrets},
		{"PasswordThatDoesNotParse", "chroma:http://me:se cret%@h:1", secrets},
		{"Query", "chroma:http://h:1?token=secret", secrets},
		{"NoHost", "chroma:http://:8000", noHost},
		{"HostWithZone", "chroma:http://[fe80::1%25eth0]:1", noHost},
		{"HostWithDash", "chroma:http://-h:1", noHost},
		{"HostEscaped", "chroma:http://%68%2F:1", `parse store: chroma: invalid URL escape "%68"`},
		{"NoPort", "chroma:http://h", "parse store: chroma: no port; want http://host:port"},
		{"PortZero", "chroma:http://h:0", noPort},
		{"PortTooHigh", "chroma:http://h:65536", noPort},
		{"PortIsAWord", "chroma:http://h:abc", `parse store: chroma: invalid port ":abc" after host`},
		{"TenantAlone", "chroma:http://h:1/t", noPath},
		{"ThreeParts", "chroma:http://h:1/t/d/c", noPath},
		{"EmptyTenant", "chroma:http://h:1//d", noPath},
		{"TenantIsDots", "chroma:http://h:1/../d", noPath},
		{"TenantIsEscapedDots", "chroma:http://h:1/t/%2E%2e", noPath},
		{"DatabaseWithControl", "chroma:http://h:1/t/%0A", noPath},
		{"CollectionEmpty", "chroma:http://h:1#", `parse store: collection "": ` + name},
		{"CollectionShort", "chroma:http://h:1#ab", `parse store: collection "ab": ` + name},
		{"CollectionWithSlash", "chroma:http://h:1#a/b/c", `parse store: collection "a/b/c": ` + name},
		{"CollectionLong", "chroma:http://h:1#" + strings.Repeat("x", 513), `parse store: collection "` + strings.Repeat("x", 40) + `": ` + name},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := keeper.Kinds().Parse(c.text)
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if got != (store.Ref{}) {
				t.Errorf("got %+v beside the error", got)
			}
			if c.want == secrets && !errors.Is(err, store.ErrCredentials) {
				t.Errorf("got %v, want %v", err, store.ErrCredentials)
			}
		})
	}
}

func TestSamePlace(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		want       bool
	}{
		{"Itself", "chroma:http://h:1", "chroma:http://h:1", true},
		{"CollectionsApart", "chroma:http://h:1#abc", "chroma:http://h:1#def", true},
		{"DefaultDatabaseNamed", "chroma:http://h:1", "chroma:http://h:1/default_tenant/default_database", true},
		{"AnotherDatabase", "chroma:http://h:1", "chroma:http://h:1/default_tenant/other", false},
		{"AnotherPort", "chroma:http://h:1", "chroma:http://h:2", false},
		{"AnotherScheme", "chroma:http://h:1", "chroma:https://h:1", false},
		{"AnotherKind", "chromadir:/x", "collections:/x", false},
		{"AnotherPath", "graph:/x", "graph:/y", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, errA := keeper.Kinds().Parse(c.a)
			b, errB := keeper.Kinds().Parse(c.b)
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			if got := a.Same(b); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// FuzzParseStore: what is read writes back the same, and what is refused is not
// repeated where it may hold a secret.
func FuzzParseStore(f *testing.F) {
	for _, seed := range []string{
		"chroma:http://localhost:8000/t/d#neo-agent-memory", "chroma:https://[::1]", "chroma:http://me:hunter2@h:1",
		"chroma:http://h:1?x=hunter2", "chroma:http://h:1/%2e%2E/%00", `collections:C:\x`, "graph::memory:", "sqlite:*", "files:", "chroma:http://[fe80::1%25a]:1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := keeper.Kinds().Parse(text)
		if err != nil {
			if ref != (store.Ref{}) {
				t.Errorf("got %+v beside %v", ref, err)
			}
			if strings.HasPrefix(text, "chroma:") && strings.Contains(text, "hunter2@") && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got an error that tells the password: %v", err)
			}
			return
		}
		again, err := keeper.Kinds().Parse(ref.String())
		if err != nil || again != ref {
			t.Errorf("got %+v, %v back from %q, want %+v", again, err, ref.String(), ref)
		}
		if strings.Contains(ref.Address(), "@") {
			t.Errorf("got user-info in %q", ref.Address())
		}
	})
}
