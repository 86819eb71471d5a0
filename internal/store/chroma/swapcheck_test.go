package chroma_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/storetest"
)

const shadow = name + "-shadow-" + plan

// TestCheck does things to the shadow between Stage and Check.
func TestCheck(t *testing.T) {
	rows := storetest.Vectors("new", 30, true)
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, p place, id string)
		want string // "" for all is well
	}{
		{"Whole", func(*testing.T, place, string) {}, ""},
		{"ErrMore", func(t *testing.T, p place, id string) {
			p.write(t, id, storetest.Vectors("new", 31, true)[30:])
		}, `somebody added row "row-000030"`},
		{"ErrFewer", func(t *testing.T, p place, id string) {
			p.delete(t, id, "row-000020")
		}, `1 rows differ, first row "row-000020"`},
		{"ErrGone", func(t *testing.T, p place, _ string) {
			p.Call(t, http.MethodDelete, p.collections()+"/"+shadow, nil, nil)
		}, "is gone"},
		{"AnotherRow", func(t *testing.T, p place, id string) {
			p.delete(t, id, "row-000020")
			p.write(t, id, storetest.Vectors("other", 21, true)[20:])
		}, ""}, // it is put right
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, old := filled(t, 9)
			s := open(t, p.config(p.URL()))
			permit := leaveFor(t, s, guard.ReplaceOperation(memory.Memories))
			staged := stageSwap(t, s, rows)
			tt.do(t, p, p.all(t)[shadow].ID)
			err := staged.Check(t.Context())
			if tt.want == "" {
				if _, err := staged.Commit(t.Context(), permit, nil); err != nil {
					t.Fatal(err)
				}
				p.wantLive(t, rows)
				return
			}
			if !errors.Is(err, store.ErrStaged) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want ErrStaged: %s", err, tt.want)
			}
			p.wantLive(t, old)
			if tt.name == "ErrMore" { // Commit does not go without a check
				if _, err := staged.Commit(t.Context(), permit, nil); !errors.Is(err, store.ErrStaged) {
					t.Errorf("commit: got %v, want ErrStaged", err)
				}
				p.wantLive(t, old)
			}
		})
	}
}

func stageSwap(t testing.TB, s *chroma.Server, rows []memory.Record) store.Staged {
	t.Helper()
	staged, err := s.Stage(t.Context(), memory.SectionSpec{Name: section}, sequence(rows), swapOptions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := staged.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return staged
}

// TestStageRejects wants all rows or none, and the row named.
func TestStageRejects(t *testing.T) {
	p, old := filled(t, 9)
	before := p.dump(t, p.id(t))
	rows := storetest.Vectors("new", 30, true)
	for _, tt := range []struct{ name, row, want string }{
		{"ErrSalvaged", `{"id":"bad","embedding":null}`, `row "bad" cannot be put in: vector was not readable`},
		{"ErrNested", `{"id":"bad","embedding":[1,2,3,4,5,6,7,8],"metadata":{"a":{"b":1}}}`, `row "bad" cannot be put in: the server refused it: 422`},
		{"ErrDimension", `{"id":"bad","embedding":[1,2]}`, `row "bad" cannot be put in`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, p.config(p.URL()))
			staged, err := s.Stage(t.Context(), memory.SectionSpec{Name: section}, sequence(append(rows[:30:30], memory.Record(tt.row))), swapOptions())
			if err == nil || staged != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			p.wantLive(t, old)
			if after := p.dump(t, p.id(t)); len(after) != len(before) {
				t.Errorf("got %d rows that live, want %d", len(after), len(before))
			}
		})
	}
}

// TestStageOtherRecords stages other records for the same plan: the shadow holds
// them, and none of the first.
func TestStageOtherRecords(t *testing.T) {
	p, _ := filled(t, 9)
	s := open(t, p.config(p.URL()))
	permit := leaveFor(t, s, guard.ReplaceOperation(memory.Memories))
	stageSwap(t, s, storetest.Vectors("first", 30, true))
	rows := storetest.Vectors("new", 20, true)
	if _, err := finish(t, stageSwap(t, s, rows), permit, nil); err != nil {
		t.Fatal(err)
	}
	p.wantLive(t, rows)
}

// TestStageOptions refuses to stage for nobody, and over what is not ours.
func TestStageOptions(t *testing.T) {
	p, rows := filled(t, 9)
	s := open(t, p.config(p.URL()))
	p.Call(t, http.MethodPost, p.collections(), map[string]any{"name": shadow}, nil)
	before := p.state(t)
	for _, tt := range []struct {
		name   string
		change func(*store.StageOptions)
		want   string
	}{
		{"ErrNoPlan", func(o *store.StageOptions) { o.Plan = "" }, "both are required"},
		{"ErrPlan", func(o *store.StageOptions) { o.Plan = "a/b" }, "both are required"},
		{"ErrNoOperation", func(o *store.StageOptions) { o.Operation = "" }, "both are required"},
		{"ErrInTheWay", func(*store.StageOptions) {}, "it is not a shadow of this plan"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opts := swapOptions()
			tt.change(&opts)
			if _, err := s.Stage(t.Context(), memory.SectionSpec{Name: section}, sequence(rows), opts); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if after := p.state(t); after != before {
		t.Errorf("got  %s\nwant %s", after, before)
	}
}

// TestClaim finds a shadow that bears a journal and no mark yet, as a crash leaves
// it: an empty one is gone on with, one with rows is somebody's.
func TestClaim(t *testing.T) {
	const journal = `{"version":1,"plan":"plan-7","name":"memories","role":"new","phase":"filling"}`
	rows := storetest.Vectors("new", 5, true)
	for _, tt := range []struct {
		name  string
		holds []memory.Record
		want  string
	}{
		{"Empty", nil, ""},
		{"ErrRows", rows[:1], "has 1 rows and bears no mark of its own"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := filled(t, 9)
			p.Call(t, http.MethodPost, p.collections(), map[string]any{"name": shadow, "metadata": map[string]string{swapKey: journal}}, nil)
			if tt.holds != nil {
				p.write(t, p.all(t)[shadow].ID, tt.holds)
			}
			staged, err := open(t, p.config(p.URL())).Stage(t.Context(), memory.SectionSpec{Name: section}, sequence(rows), swapOptions())
			if err == nil {
				defer staged.Close()
			}
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestArraysLeftBehind fills the shadow with rows that come back with the arrays of
// a collection that was dropped, and wants them put right.
func TestArraysLeftBehind(t *testing.T) {
	p := newPlace(t, chromatest.Start(t)) // row numbers are the whole server's
	p.create(t, "l2")
	p.Call(t, http.MethodPost, p.collections(), map[string]any{"name": "dropped"}, nil)
	rows := storetest.Vectors("new", 30, true)
	tagged := columns(t, rows)
	for i := range tagged["metadatas"] {
		tagged["metadatas"][i] = []byte(`{"tags":["x","y"]}`)
	}
	p.Call(t, http.MethodPost, p.collections()+"/"+p.all(t)["dropped"].ID+"/add", tagged, nil)
	p.Call(t, http.MethodDelete, p.collections()+"/dropped", nil, nil)

	s := open(t, p.config(p.URL()))
	staged := stageSwap(t, s, rows)
	left := false
	for _, row := range p.dump(t, p.all(t)[shadow].ID) {
		left = left || strings.Contains(row, "tags")
	}
	if !left {
		t.Error("the server left no arrays behind: this test proves nothing")
	}
	if _, err := finish(t, staged, leaveFor(t, s, guard.ReplaceOperation(memory.Memories)), nil); err != nil {
		t.Fatal(err)
	}
	p.wantLive(t, rows)
}
