package chroma_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/storetest"
)

// replace changes rows behind the store's back.
func (p place) replace(t testing.TB, rows ...memory.Record) {
	t.Helper()
	p.remove(t, ids(t, rows)...)
	p.add(t, rows)
}

// TestProof does things to rows between a merge and its proof, or has the server
// do them, and wants each told as what it is.
func TestProof(t *testing.T) {
	all := storetest.Vectors("a", 60, true)
	rows, target := all[:50], id(t, all[20])
	changed := storetest.Vectors("b", 60, true)[20]
	// hook is called at a request of the proof: the listing, or the first page.
	type hook func(t *testing.T, p place) chromatest.Fault
	for _, tt := range []struct {
		name          string
		live          []memory.Record // before the merge
		listing, page hook
		add           hook
		want          store.Result // of the 50 rows that are not the same
		outcome       store.Outcome
		reason        string
	}{
		{name: "Same"},
		{
			name: "AddedAndLost",
			add: func(*testing.T, place) chromatest.Fault {
				return chromatest.Fault{Status: http.StatusCreated, Text: "{}"}
			},
			want: store.Result{Missing: 50}, outcome: store.Missing, reason: "acknowledged, but not listed afterwards",
		},
		{
			name: "AddedAndRemovedBeforeTheListing",
			listing: func(t *testing.T, p place) chromatest.Fault {
				p.remove(t, target)
				return chromatest.Fault{}
			},
			want: store.Result{Missing: 1}, outcome: store.Missing, reason: "acknowledged, but not listed afterwards",
		},
		{
			name: "AddedAndRemovedAfterTheListing",
			page: func(t *testing.T, p place) chromatest.Fault {
				p.remove(t, target)
				return chromatest.Fault{}
			},
			want: store.Result{Removed: 1}, outcome: store.Removed,
		},
		{
			name: "LivedAndRemovedBeforeTheListing", live: rows,
			listing: func(t *testing.T, p place) chromatest.Fault {
				p.remove(t, target)
				return chromatest.Fault{}
			},
			want: store.Result{Removed: 1}, outcome: store.Removed,
		},
		{
			name: "AddedAndReadsBackOtherwise",
			page: func(t *testing.T, p place) chromatest.Fault {
				p.replace(t, changed)
				return chromatest.Fault{}
			},
			want: store.Result{Missing: 1}, outcome: store.Missing, reason: "added, but it reads back otherwise: vector differs",
		},
		{
			name: "LivesAndDiffers", live: append(all[:20:20], changed),
			want: store.Result{Differs: 1}, outcome: store.Differs, reason: "vector differs",
		},
		{
			name: "VectorNotReadable",
			page: func(*testing.T, place) chromatest.Fault {
				return chromatest.Fault{Status: 500, Text: "Error finding id"}
			},
			want: store.Result{Missing: 1}, outcome: store.Missing, reason: "its vector cannot be read",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t, chromatest.Shared(t))
			p.create(t, "l2")
			if tt.live != nil {
				p.add(t, tt.live)
			}
			proxy := chromatest.Proxy(t, p.Server, proofHooks(t, p, target, tt.listing, tt.page, tt.add))
			result, h := merge(t, open(t, p.config(proxy.URL())), memory.SectionSpec{}, rows)
			other := tt.want.Missing + tt.want.Removed + tt.want.Differs
			if result.Missing != tt.want.Missing || result.Removed != tt.want.Removed ||
				result.Differs != tt.want.Differs || result.Same != 50-other {
				t.Errorf("got %+v, want %+v", result, tt.want)
			}
			if result.Complete() != (tt.want.Missing == 0) {
				t.Errorf("got complete %t with %+v", result.Complete(), result)
			}
			if other > 0 && (!slices.Contains(h.outcomes[tt.outcome], target) || h.reasons[target] != tt.reason) {
				t.Errorf("got %q for the row, in %v, want %q in %s", h.reasons[target], h.outcomes[tt.outcome], tt.reason, tt.outcome)
			}
		})
	}
}

// proofHooks calls the hooks: listing once, at the second listing; page at each
// request for the target's vector, doing things once; add at each add.
func proofHooks(t *testing.T, p place, target string, listing, page, add func(*testing.T, place) chromatest.Fault) func(chromatest.Request) chromatest.Fault {
	var mu sync.Mutex
	listings, paged := 0, chromatest.Fault{}
	var once sync.Once
	return func(r chromatest.Request) chromatest.Fault {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case r.Op == "add" && add != nil:
			return add(t, p)
		case r.Op == "get" && !bytes.Contains(r.Body, []byte(`"ids"`)):
			if listings++; listings == 2 && listing != nil {
				return listing(t, p)
			}
		case asksRows(r) && page != nil && slices.Contains(asked(t, r), target):
			once.Do(func() { paged = page(t, p) })
			return paged
		}
		return chromatest.Fault{}
	}
}

// TestProofComparesAllOf wants every part of a row compared, as typed values.
func TestProofComparesAllOf(t *testing.T) {
	const live = `{"id":"a","embedding":[0.5,-0.0,1e-45],"metadata":{"b":true,"f":1.0,"i":1,"s":"1"},"document":"x"}`
	p := newPlace(t, chromatest.Shared(t))
	p.create(t, "l2")
	p.add(t, []memory.Record{memory.Record(live)})
	s := open(t, p.config(p.URL()))
	for _, tt := range []struct{ name, was, is, want string }{
		{"Same", "", "", ""},
		{"SameNumberSpelledOtherwise", "[0.5,-0.0,1e-45]", "[5e-1, -0.00, 0.000000000000000000000000000000000000000000001]", ""},
		{"SameEscapes", `"document":"x"`, `"document":"\u0078"`, ""},
		{"SameOrder", `{"b":true,"f":1.0,`, `{"f":1.00,"b":true,`, ""},
		{"SameButForWhatChromaCannotKeep", `"s":"1"}`, `"s":"1","n":null,"e":[]}`, ""},
		{"NoVectorInTheBundle", "[0.5,-0.0,1e-45]", "null", ""},
		{"OneBit", "0.5,", "0.50000006,", "vector differs"},
		{"MinusZero", "-0.0", "0.0", "vector differs"},
		{"Denormal", "1e-45", "3e-45", "vector differs"},
		{"Shorter", ",1e-45", "", "vector differs"},
		{"Document", `"document":"x"`, `"document":"y"`, "document differs"},
		{"NullDocument", `"document":"x"`, `"document":null`, "document differs"},
		{"MetadataValue", `"s":"1"`, `"s":"2"`, "metadata differs"},
		{"MetadataType", `"s":"1"`, `"s":1`, "metadata differs"},
		{"IntegerNotFloat", `"i":1,`, `"i":1.0,`, "metadata differs"},
		{"MetadataMissing", `,"s":"1"`, ``, "metadata differs"},
		{"MetadataMore", `"s":"1"`, `"s":"1","t":1`, "metadata differs"},
		{"NullMetadata", `{"b":true,"f":1.0,"i":1,"s":"1"}`, `null`, "metadata differs"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			row := strings.Replace(live, tt.was, tt.is, 1)
			result, h := merge(t, s, memory.SectionSpec{}, []memory.Record{memory.Record(row)})
			if got := h.reasons["a"]; got != tt.want || (result.Same == 1) != (tt.want == "") || result.Added != 0 {
				t.Errorf("got %q, %+v, want %q", got, result, tt.want)
			}
		})
	}
}

// TestCosineTolerance compares numbers of a cosine space relative to the largest
// of their vector.
func TestCosineTolerance(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	p.create(t, "cosine")
	p.add(t, []memory.Record{memory.Record(`{"id":"a","embedding":[100,1,0.001]}`)})
	s := open(t, p.config(p.URL()))
	for _, tt := range []struct{ name, embedding, want string }{
		{"Same", "[100,1,0.001]", ""},
		{"LastBits", "[100.00004,1,0.001]", ""},
		{"SmallBesideLarge", "[100,1.00004,0.00103]", ""},
		{"More", "[100.0001,1,0.001]", "vector differs"},
		{"MoreBesideLarge", "[100,1.0001,0.001]", "vector differs"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, h := merge(t, s, memory.SectionSpec{}, []memory.Record{memory.Record(`{"id":"a","embedding":` + tt.embedding + `}`)})
			if got := h.reasons["a"]; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestProofOfUnreadableRow has the server fail on one row for good.
func TestProofOfUnreadableRow(t *testing.T) {
	p, rows := filled(t, 60)
	target := id(t, rows[33])
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		if slices.Contains(asked(t, r), target) {
			return chromatest.Fault{Status: 500, Text: "Error finding id"}
		}
		return chromatest.Fault{}
	})
	result, h := merge(t, open(t, p.config(proxy.URL())), memory.SectionSpec{}, rows)
	if result.Same != 59 || result.Missing != 1 || h.reasons[target] != "cannot be read back: get rows: 500 Error finding id" {
		t.Errorf("got %+v, %q", result, h.reasons[target])
	}
}

// TestProofRowNotGiven has the server leave a row out that it lists.
func TestProofRowNotGiven(t *testing.T) {
	p, rows := filled(t, 60)
	target := id(t, rows[33])
	for _, tt := range []struct {
		name   string
		times  int64
		reason string
	}{
		{"Once", 1, ""},
		{"Always", 1 << 30, "listed, but the server does not give it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var n atomic.Int64
			proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
				at := slices.Index(asked(t, r), target)
				if at >= 0 && n.Add(1) <= tt.times {
					return chromatest.Fault{Rewrite: chromatest.DropRow(at)}
				}
				return chromatest.Fault{}
			})
			result, h := merge(t, open(t, p.config(proxy.URL())), memory.SectionSpec{}, rows)
			if h.reasons[target] != tt.reason || (result.Missing == 1) != (tt.reason != "") || result.Missing+result.Same != 60 {
				t.Errorf("got %+v, %q, want %q", result, h.reasons[target], tt.reason)
			}
		})
	}
}

// TestProofPages halves pages that are larger than the cap, as reading does.
func TestProofPages(t *testing.T) {
	p, rows := filled(t, 200)
	small := slices.Clone(rows)
	for i := 100; i < 110; i++ { // the live ones are larger than the records let expect
		var row map[string]json.RawMessage
		if err := json.Unmarshal(rows[i], &row); err != nil {
			t.Fatal(err)
		}
		row["document"] = json.RawMessage(`"` + strings.Repeat("w", 20<<10) + `"`)
		text, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		p.replace(t, memory.Record(text))
	}
	config := p.config(p.URL())
	config.PageBytes = 64 << 10
	result, _ := merge(t, open(t, config), memory.SectionSpec{}, small)
	if result.Same != 190 || result.Differs != 10 {
		t.Errorf("got %+v, want 190 the same and 10 that differ", result)
	}
}
