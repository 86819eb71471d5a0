package chromadir

import (
	"encoding/binary"
	"fmt"
	"io"
)

// uint reads a little-endian number of size bytes, 8 at most.
func (u *unpickler) uint(size int) (uint64, error) {
	var b [8]byte
	if _, err := io.ReadFull(u.in, b[:size]); err != nil {
		return 0, unexpected(err)
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

func (u *unpickler) integer(op byte) error {
	size := 4
	switch op {
	case opInt1:
		size = 1
	case opInt2:
		size = 2
	case opLong1:
		n, err := u.uint(1)
		if err != nil {
			return err
		}
		if size = int(n); size > 8 {
			return fmt.Errorf("an integer of %d bytes", size)
		}
	}
	bits, err := u.uint(size)
	if err != nil {
		return err
	}
	n := int64(bits)
	if op == opInt || op == opLong1 {
		n = signed(bits, size)
	}
	return u.push(item{kind: kindInt, n: n})
}

// signed returns the two's complement number of size bytes.
func signed(bits uint64, size int) int64 {
	shift := 64 - 8*size
	return int64(bits<<shift) >> shift
}

func (u *unpickler) text(op byte) error {
	size := 4
	if op == opShortText {
		size = 1
	}
	n, err := u.uint(size)
	if err != nil {
		return err
	}
	if n > maxPickleText {
		return fmt.Errorf("a text of %d bytes", n)
	}
	start := len(u.arena)
	u.arena = append(u.arena, make([]byte, n)...)
	if _, err := io.ReadFull(u.in, u.arena[start:]); err != nil {
		return unexpected(err)
	}
	return u.push(item{kind: kindText, start: start, end: len(u.arena)})
}

// bytes returns a text.
func (u *unpickler) bytes(i item) []byte {
	if i.memo {
		return u.memoText[i.start:i.end]
	}
	return u.arena[i.start:i.end]
}

func (u *unpickler) isText(i item, want string) bool {
	return i.kind == kindText && string(u.bytes(i)) == want
}
