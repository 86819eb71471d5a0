package chroma_test

import (
	"fmt"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/chromatest"
)

// TestTrue_05_ForeseesNames: a name that a server gives to no collection is refused
// beforehand, and no other.
func TestTrue_05_ForeseesNames(t *testing.T) {
	for generation, options := range map[string][]chromatest.Option{"New": nil, "Old": {chromatest.Old()}} {
		t.Run(generation, func(t *testing.T) {
			server := chromatest.Start(t, options...)
			for _, name := range []string{
				"ab", "abc", "a b", "-abc", "abc-", ".abc", "abc.", "_abc", "abc_", "a..b", "a.b_c-d", "1.2.3.4", "a/b", "äbc", "ABC",
				strings.Repeat("n", 63), strings.Repeat("n", 64), strings.Repeat("n", 512), strings.Repeat("n", 513),
			} {
				p := newPlace(t, server)
				config := p.config(server.URL())
				config.Collections = map[memory.Section]string{section: name}
				s := open(t, config)
				nothing := func(func(memory.Record, error) bool) {}
				spec := memory.SectionSpec{Name: section, Kind: memory.Vectors, Dimension: 8, Distance: "l2"}
				_, foreseen := s.Foresee(t.Context(), spec, nothing, store.ForeseeOptions{})
				_, err := s.Merge(t.Context(), spec, nothing, store.MergeOptions{})
				if (foreseen == nil) != (err == nil) {
					t.Errorf("%.70s: %s", name, fmt.Sprintf("foresaw %v, the merge ended with %v", foreseen, err))
				}
			}
		})
	}
}
