package cli_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
)

// TestSecretsStayInside runs every command with a token and a header's secret,
// before servers that say them back, and looks for them in all that was printed
// and written.
func TestSecretsStayInside(t *testing.T) {
	const token, header, inside = "tok-5ecret-of-the-environment", "hdr-5ecret-of-the-file", "key-5ecret-of-a-collection"
	a := newAgent(t, true)
	a.mc.Call(t, http.MethodPost, chromatest.Collections(a.mc.database), map[string]any{
		"name": collectionNames()[memory.Memories], "metadata": map[string]any{"openai_api_key": inside, "note": "plain"},
	}, nil)
	a.remember()
	a.env["KEEPSAKE_CHROMA_TOKEN"] = token
	config := filepath.Join(a.home, "keepsake.yaml")
	a.write(config, "stores:\n  kb:\n    headers:\n      Authorization: Bearer "+header+"\n")
	var sent atomic.Int64
	carried := func(r chromatest.Request) bool {
		return r.Header.Get("X-Chroma-Token") == token && r.Header.Get("Authorization") == "Bearer "+header
	}
	a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
		if carried(r) {
			sent.Add(1)
		}
		return chromatest.Fault{}
	})
	var printed strings.Builder
	run := func(code int, args ...string) {
		t.Helper()
		r := a.must(code, args...)
		printed.WriteString(r.stdout + r.stderr)
	}
	run(0, "config", "show")
	run(0, "config", "show", "--json")
	run(0, "backup", "--log-level", "debug")
	run(0, "backup", "--json", "--log-level", "debug", "--progress", "plain")
	bundle := a.data("backups", a.rootEntries()[0])
	run(0, "show", "latest")
	run(0, "show", "latest", "--json")
	run(0, "list", "--json")
	run(0, "verify", "latest", "--json")
	a.deletes(memory.Memories, a.ids(memory.Memories)[:5]...)
	run(0, "restore", "latest", "--dry-run", "--json")
	run(0, "restore", "latest", "--log-level", "debug")
	if sent.Load() == 0 {
		t.Fatal("the secrets were never sent: this test shows nothing")
	}
	// Servers that refuse, and say what they were sent.
	for _, fault := range []chromatest.Fault{
		{Status: 401, Text: `{"error":"AuthError","message":"bad token ` + token + ` or ` + header + `"}`},
		{Status: 404, Text: "no " + token + " " + header},
		{Rewrite: chromatest.Instead(`{"you sent":"` + token + `","and":"` + header + `"}`)},
	} {
		a.behind(&a.kb, func(chromatest.Request) chromatest.Fault { return fault })
		run(8, "backup", "--log-level", "debug")
		run(8, "restore", bundle, "--only", "kb,mc", "--json", "--log-level", "debug")
	}
	memories := section(t, readMeta(t, bundle)["keepsake"].(map[string]any), memory.Memories)
	expect(t, memories, "[withheld]", "collection", "metadata", "openai_api_key")
	expect(t, memories, "plain", "collection", "metadata", "note")
	files := 0
	for name := range tree(t, a.home) {
		if path := filepath.Join(a.home, name); path != config {
			files++
			silent(t, readFile(t, path), token, header, inside)
		}
	}
	if files < 20 {
		t.Errorf("looked at %d files, want the bundles and the journal", files)
	}
	silent(t, printed.String(), token, header, inside)
	a.write(config, "stores:\n  kb: chroma:http://user:"+header+"@127.0.0.1:1\n")
	a.env["KEEPSAKE_KB_CHROMA"] = ""
	r := a.must(2, "backup")
	silent(t, r.stdout+r.stderr, header)
}
