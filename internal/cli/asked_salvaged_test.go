package cli_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"keepsake/internal/store/chroma/chromatest"
)

// TestTrue_20_SalvagedByID: a row whose vector can't be read is named by its id: by the
// backup, by verify, and by a restore and its receipt.
func TestTrue_20_SalvagedByID(t *testing.T) {
	const config = "preset: chroma\nsources:\n  chroma: SERVER\n"
	w := newWorkshop(t, config)
	w.fill("papers", 20)
	w.front(config, func(r chromatest.Request) chromatest.Fault {
		return chromatest.Fault{Rewrite: map[bool]func([]byte) ([]byte, error){true: withoutVectors("papers-7", "papers-13")}[r.Op == "get"]}
	})
	out := w.json(3, "backup")
	says(t, fmt.Sprint(dig(t, out, "sections", 0, "capture", "salvagedIds")), "papers-13", "papers-7")
	says(t, w.must(3, "backup").stderr, "2 rows are without their vector, which could not be read: papers-")
	bundle := w.newestBundle()
	v := w.must(0, "verify", bundle)
	says(t, v.stdout+v.stderr, "papers-7", "papers-13")
	w.configure(config)
	w.drop("papers")
	r := w.must(9, "restore", bundle)
	says(t, r.stdout+r.stderr, "papers-7", "papers-13")
}

// withoutVectors has the answer to a get say null in the place of the vectors of rows.
func withoutVectors(ids ...string) func([]byte) ([]byte, error) {
	return func(body []byte) ([]byte, error) {
		var page map[string]json.RawMessage
		var embeddings []json.RawMessage
		var listed []string
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, err
		}
		if json.Unmarshal(page["ids"], &listed) != nil || json.Unmarshal(page["embeddings"], &embeddings) != nil || len(embeddings) == 0 {
			return body, nil
		}
		for i, id := range listed {
			if slices.Contains(ids, id) {
				embeddings[i] = json.RawMessage("null")
			}
		}
		changed, err := json.Marshal(embeddings)
		if err != nil {
			return nil, err
		}
		page["embeddings"] = changed
		return json.Marshal(page)
	}
}
