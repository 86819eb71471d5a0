package bundle_test

import (
	"bytes"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// TestTrue_08_AnIndexThatDoesNotFit: any byte of an index that is another one is
// refused, resealed by a forger or not; who reads the payload alone is warned.
func TestTrue_08_AnIndexThatDoesNotFit(t *testing.T) {
	path, err := write(options(t, t.TempDir()), sampleParts()[:2], nil)
	if err != nil {
		t.Fatal(err)
	}
	b := broke(t, path)
	name := bundle.IndexPath(memory.Memories)
	good := b.Read(name)
	check := func(what string) {
		t.Helper()
		if report := verify(t, path, bundle.Full); !report.Refused() {
			t.Errorf("%s: not refused: %v", what, report.Findings)
		}
		report, err := open(t, path).Verify(t.Context(), bundle.Full, bundle.VerifyOptions{IgnoreIndexes: true})
		if err != nil || report.Refused() || len(codes(report.Findings, memory.Warning)) == 0 {
			t.Errorf("%s: ignored: %v, %v", what, report.Findings, err)
		}
	}
	for at := range good {
		flipped := bytes.Clone(good)
		flipped[at] ^= 1
		b.Write(name, flipped)
		check("flipped")
		if at%7 == 0 { // sealed anew
			b.forge(nil)
			check("forged")
			b.Write(name, good)
			b.forge(nil)
		}
	}
	b.Write(name, good[:len(good)-32])
	check("short")
	b.Remove(name)
	check("missing")
}
