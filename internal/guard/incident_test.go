package guard_test

import (
	"path/filepath"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
)

// Incident v: a remote production host with a path under /tmp was allowed.
func TestIncidentV_RemoteHostWithPathUnderTmp(t *testing.T) {
	temp := scratch(t)
	write(t, "x", temp, "chroma.sqlite3")
	for name, address := range map[string]string{
		"remote": "https://chroma.prod.example:8000", "IPv6": "http://[2001:db8::1]:8000", "loopback": "http://127.0.0.1:8000", "path in the URL": "http://h:8000" + temp,
	} {
		t.Run(name, func(t *testing.T) {
			l := memory.Locator{Kind: memory.KindChroma, Address: address, Path: filepath.Join(temp, "chroma.sqlite3"), Collection: "neo-knowledge-base", CollectionID: "id-1"}
			_, err := newBench(t).ask(t, requestFor(newTarget(l, &witness{id: "id-1"})))
			wantRefused(t, err, guard.Production, guard.ErrNoToken)
			wantRefused(t, err, guard.Production, guard.ErrNoEnvironment)
		})
	}
	for _, kind := range []string{memory.KindGraph, memory.KindCollections, memory.KindFiles} {
		t.Run("called a "+kind, func(t *testing.T) {
			l := memory.Locator{Kind: kind, Address: "https://chroma.prod.example:8000", Path: filepath.Join(temp, "chroma.sqlite3")}
			_, err := newBench(t).allow().ask(t, requestFor(newTarget(l, nil)))
			wantRefused(t, err, guard.Unknown, guard.ErrUnknownTarget)
		})
	}
}

// Incident v: a link under /tmp to /etc was allowed.
func TestIncidentV_LinkUnderTmpToEtc(t *testing.T) {
	temp := scratch(t)
	etc := link(t, "/etc", temp, "etc")
	hosts := link(t, "/etc/hosts", temp, "hosts.sqlite")
	link(t, "etc", temp, "twice")
	for name, path := range map[string]string{
		"folder": etc, "file": hosts, "file below": etc + "/hosts", "not there": etc + "/new.sqlite",
		"link to the link": temp + "/twice/hosts", "through dots": temp + "/./x/../" + "etc/hosts", "back by dots": etc + "/../etc/hosts",
	} {
		t.Run(name, func(t *testing.T) {
			if name == "through dots" {
				folder(t, temp, "x")
			}
			_, err := newBench(t).ask(t, requestFor(at(memory.KindFiles, path)))
			wantRefused(t, err, guard.Production, guard.ErrNoToken)
		})
	}
}

// Incident v: TMPDIR=/srv made /srv temporary.
func TestIncidentV_TMPDIR(t *testing.T) {
	srv := elsewhere(t)
	file := write(t, "x", srv, "memory.sqlite")
	for _, name := range []string{"TMPDIR", "TMP", "TEMP", "TEMPDIR", "UNIT_TEST_TMPDIR"} {
		t.Setenv(name, srv)
	}
	for kind, path := range map[string]string{memory.KindGraph: file, memory.KindCollections: file, memory.KindFiles: srv} {
		t.Run(kind, func(t *testing.T) {
			_, err := newBench(t).ask(t, requestFor(at(kind, path)))
			wantRefused(t, err, guard.Production, guard.ErrNoToken)
		})
	}
}

// Incident p: tests with default names dropped the production collections,
// twice. Neither a name, nor a port, nor what a test runner sets is proof.
func TestIncidentP_NamesAndTestModesAreNoProof(t *testing.T) {
	for _, name := range []string{"UNIT_TEST_MODE", "CI", "NODE_ENV", "GO_TEST", "TEST"} {
		t.Setenv(name, "true")
	}
	away := elsewhere(t)
	targets := map[string]guard.Target{
		"file": at(memory.KindGraph, write(t, "x", away, "unit-test", "test.sqlite")),
		"data": at(memory.KindGraph, write(t, "x", scratch(t), ".neo-ai-data", "test.sqlite")),
		"tmp":  at(memory.KindGraph, write(t, "x", away, "tmp", "test.sqlite")),
	}
	for _, collection := range []string{"neo-knowledge-base", "neo-agent-memory", "test-neo-agent-memory", "unit-test", "tmp"} {
		for _, address := range []string{"http://localhost:8000", "http://localhost:8001", "http://127.0.0.1:49152", "http://test:18000"} {
			l := memory.Locator{Kind: memory.KindChroma, Address: address, Tenant: "test", Database: "test", Collection: collection, CollectionID: "id-1"}
			targets[address+"#"+collection] = newTarget(l, &witness{id: "id-1"})
		}
	}
	environments := map[string]map[string]string{
		"nothing":   nil,
		"test mode": {"UNIT_TEST_MODE": "true", "CI": "true"},
		"not true":  {guard.EnvAllow: "1"},
	}
	for name, target := range targets {
		for mode, values := range environments {
			t.Run(name+"/"+mode, func(t *testing.T) {
				b := newBench(t)
				b.Environment = environment(values)
				_, err := b.ask(t, requestFor(target))
				wantRefused(t, err, guard.Production, guard.ErrNoEnvironment)
				req := b.confirmed(t, requestFor(target))
				_, err = b.ask(t, req)
				wantRefused(t, err, guard.Production, guard.ErrNoEnvironment)
			})
		}
	}
}
