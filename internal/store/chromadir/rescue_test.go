package chromadir_test

import (
	"slices"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/chromadir"
	"keepsake/internal/store/storetest"
)

// TestRescueEveryDatabase: the sections that are named are of the named database,
// and what is in others is not forgotten.
func TestRescueEveryDatabase(t *testing.T) {
	s := chromatest.Start(t)
	other := s.Database(t)
	send(t, s, createIn(t, s, other, "rows", nil)+"add", storetest.Vectors("b", 7, true))
	send(t, s, create(t, s, "rows", nil)+"add", storetest.Vectors("a", 5, true))
	send(t, s, create(t, s, "more", nil)+"add", storetest.Vectors("a", 3, true))
	s.Kill()
	c := config(t, s.Dir(), "rows")
	c.Others = "rescued"
	session, report, err := chromadir.Rescue(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	specs, err := session.Sections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[memory.Section]int64{}
	for _, spec := range specs {
		got[spec.Name] = spec.Rows
		if in := map[bool]string{true: other, false: database}[spec.Rows == 7]; spec.Locator.Database != in {
			t.Errorf("%s: got database %q, want %q", spec.Name, spec.Locator.Database, in)
		}
	}
	far := memory.Section("rescued/default_tenant/" + other + "/rows")
	if len(got) != 3 || got[sectionOf("rows")] != 5 || got["rescued/more"] != 3 || got[far] != 7 {
		t.Errorf("got %v, want 5 rows of the section, 3 of more and 7 of %s", got, far)
	}
	if i := slices.IndexFunc(report.Collections, func(r chromadir.Recovered) bool { return !r.Complete() }); i >= 0 || len(report.Left) > 0 {
		t.Errorf("got %+v, want all whole and nothing left", report)
	}
}
