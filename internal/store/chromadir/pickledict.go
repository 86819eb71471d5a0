package chromadir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

var errPickle = errors.New("its opcodes don't fit together")

// lastMark returns where the last mark is on the stack, -1 for nowhere.
func (u *unpickler) lastMark() int {
	for at := len(u.stack) - 1; at >= 0; at-- {
		if u.stack[at].kind == kindMark {
			return at
		}
	}
	return -1
}

// setItems puts all pairs above the last mark into the dict below it.
func (u *unpickler) setItems() error {
	at := u.lastMark()
	if at < 1 || u.stack[at-1].kind != kindDict || (len(u.stack)-at)%2 == 0 {
		return errPickle
	}
	err := u.putAll(at-1, u.stack[at+1:])
	u.arena = u.arena[:u.stack[at].n]
	u.stack = u.stack[:at]
	return err
}

// setItem puts one pair into the dict below it.
func (u *unpickler) setItem() error {
	at := len(u.stack) - 3
	if at < 0 || u.stack[at].kind != kindDict {
		return errPickle
	}
	err := u.putAll(at, u.stack[at+1:])
	u.stack = u.stack[:at+1]
	return err
}

func (u *unpickler) putAll(dict int, pairs []item) error {
	for ; len(pairs) > 1; pairs = pairs[2:] {
		if err := u.put(dict, pairs[0], pairs[1]); err != nil {
			return err
		}
	}
	return nil
}

// put is told of an entry of the dict at that place of the stack. What the dict
// is, is said by what lies below it: its name, or nothing but the object.
func (u *unpickler) put(dict int, key, value item) error {
	if key.kind == kindMark || value.kind == kindMark {
		return errPickle
	}
	if dict == 0 || u.stack[dict-1].kind == kindObject {
		return u.putField(key, value)
	}
	name := u.stack[dict-1]
	switch {
	case u.isText(name, "id_to_label"):
		if key.kind != kindText || value.kind != kindInt {
			return errPickle
		}
		if value.n < 1 || value.n > maxElements {
			return fmt.Errorf("an id has label %d", value.n)
		}
		u.out.ids++
		return u.use(u.bytes(key), uint32(value.n))
	case u.isText(name, "label_to_id"):
		u.out.labels++
	case name.kind != kindText:
		return errPickle
	}
	return nil
}

// putField is told of a field of the whole.
func (u *unpickler) putField(key, value item) error {
	switch {
	case u.isText(key, "total_elements_added") && value.kind == kindInt:
		u.out.added = value.n
	case u.isText(key, "max_seq_id") && value.kind == kindInt:
		u.out.maxSeq = value.n
	case u.isText(key, "id_to_label") && value.kind == kindDict:
		u.out.hasIDs = true
	case key.kind != kindText:
		return errPickle
	}
	return nil
}

// object makes a name of what would be an object of Chroma's own class, and of
// nothing else; its state is the dict above it.
func (u *unpickler) object(op byte) error {
	n := len(u.stack)
	switch {
	case op == opGlobal:
		return u.global()
	case n < 2:
		return errPickle
	}
	below, top := u.stack[n-2], u.stack[n-1]
	u.stack = u.stack[:n-2]
	switch {
	case op == opStackGlobal && u.isText(below, pickleModule) && u.isText(top, pickleClass):
		return u.push(item{kind: kindClass})
	case op == opNewObject && below.kind == kindClass && top.kind == kindTuple:
		return u.push(item{kind: kindObject})
	case op == opBuild && below.kind == kindObject && top.kind == kindDict:
		return u.push(item{kind: kindObject})
	}
	return errPickle
}

// global reads a class by two lines.
func (u *unpickler) global() error {
	want := []byte(pickleModule + "\n" + pickleClass + "\n")
	got := make([]byte, len(want))
	if _, err := io.ReadFull(u.in, got); err != nil {
		return unexpected(err)
	}
	if !bytes.Equal(got, want) {
		return errors.New("an object of a class that no such file holds")
	}
	return u.push(item{kind: kindClass})
}

// keep notes the last value, to be used again. Only texts ever are.
func (u *unpickler) keep(op byte) error {
	n, err := uint64(len(u.memo)), error(nil)
	switch op {
	case opPut:
		n, err = u.uint(1)
	case opLongPut:
		n, err = u.uint(4)
	}
	switch {
	case err != nil:
		return err
	case len(u.stack) == 0 || n != uint64(len(u.memo)) || n >= maxPickleMemo:
		return errPickle
	}
	top := u.stack[len(u.stack)-1]
	if top.memo { // noted twice, which costs a byte and would cost us the whole text
		return errPickle
	}
	if top.kind == kindText {
		start := len(u.memoText)
		u.memoText = append(u.memoText, u.bytes(top)...)
		top.start, top.end = start, len(u.memoText)
	}
	top.memo = true
	u.stack[len(u.stack)-1] = top
	u.memo = append(u.memo, top)
	return nil
}

// recall pushes a text that was noted.
func (u *unpickler) recall(op byte) error {
	size := 1
	if op == opLongGet {
		size = 4
	}
	n, err := u.uint(size)
	switch {
	case err != nil:
		return err
	case n >= uint64(len(u.memo)) || u.memo[n].kind != kindText:
		return errPickle
	}
	return u.push(u.memo[n])
}
