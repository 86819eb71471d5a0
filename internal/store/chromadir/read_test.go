package chromadir_test

import (
	"fmt"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/chromadir"
	"keepsake/internal/store/storetest"
)

// TestEqualsHTTP reads what a server has written, while it is quiet and after it
// was ended, and wants what the server gives.
func TestEqualsHTTP(t *testing.T) {
	for name, options := range generations {
		t.Run(name, func(t *testing.T) {
			s := chromatest.Start(t, options...)
			names := []string{"c-l2", "c-cosine", "c-ip", "empty", "one", "few"}
			fill(t, s)
			want := read(t, overHTTP(t, s, names...))
			got := read(t, chromadir.New(config(t, s.Dir(), names...)))
			equal(t, got, want)
			s.Kill()
			before := storetest.Tree(t, s.Dir())
			equal(t, read(t, chromadir.New(config(t, s.Dir(), names...))), want)
			if storetest.Tree(t, s.Dir()) != before {
				t.Error("reading changed the directory")
			}
		})
	}
}

// fill makes collections of every kind, past two saves of the index.
func fill(t *testing.T, s *chromatest.Server) {
	t.Helper()
	for _, name := range []string{"l2", "cosine", "ip"} {
		path := create(t, s, "c-"+name, space(name))
		send(t, s, path+"add", storetest.Vectors("a", 2500, name != "cosine"))
		var ids []string
		for i := 0; i < 2500; i += 9 {
			ids = append(ids, storetest.ID(i))
		}
		remove(t, s, path, ids...)
		send(t, s, path+"upsert", storetest.Vectors("b", 400, name != "cosine")[100:])
	}
	create(t, s, "empty", nil)
	send(t, s, create(t, s, "one", nil)+"add", storetest.Vectors("a", 1, true))
	path := create(t, s, "few", map[string]any{"metadata": map[string]any{"a": 1, "b": 1.5, "c": true, "d": "x\n\"", "e": 2.0}})
	send(t, s, path+"add", storetest.Vectors("a", 30, true))
	send(t, s, path+"add", []memory.Record{fmt.Appendf(nil,
		`{"id":"uri","embedding":[1,2,3,4,5,6,7,8],"metadata":{"chroma:uri":"u","f":1e300,"g":2.0,"h":1e16,"i":-0.00001},"document":""}`)})
}
