package bundle

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// sums returns the content of SHA256SUMS: every other file of the bundle, sorted
// by path, in the form that sha256sum -c reads. It follows from the meta to the
// byte, so that a bit of it that flipped is found too.
func sums(meta []byte, files []FileMeta) string {
	digest := sha256.Sum256(meta)
	all := append([]FileMeta{{Path: MetaFile, SHA256: hex.EncodeToString(digest[:])}}, files...)
	slices.SortFunc(all, func(a, b FileMeta) int { return cmp.Compare(a.Path, b.Path) })
	var b strings.Builder
	for _, f := range all {
		b.WriteString(f.SHA256 + "  " + f.Path + "\n")
	}
	return b.String()
}
