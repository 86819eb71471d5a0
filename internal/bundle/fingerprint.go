package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Fingerprint names the bundle's content, as 64 hex digits: its seal, which the
// meta's bytes were checked against and which covers the hashes of all files; or,
// of a bundle that is not sealed, the SHA-256 over names and contents of its
// files. It reads all of them then.
func (b *Bundle) Fingerprint(ctx context.Context) (string, error) {
	if b.Sealed() {
		return b.block().Seal, nil
	}
	root, err := os.OpenRoot(b.path)
	if err != nil {
		return "", fmt.Errorf("fingerprint bundle: %w", err)
	}
	defer root.Close()
	all := sha256.New()
	err = fs.WalkDir(root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		sum, err := hashFile(ctx, root, path)
		all.Write(fmt.Appendf(nil, "%d:%s %s\n", len(path), path, sum))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("fingerprint bundle: %w", err)
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

func hashFile(ctx context.Context, root *os.Root, path string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	f, err := root.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
