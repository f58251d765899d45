package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// idsAhead is how many ids the marker reserves at a time.
const idsAhead = 10000

// marker is a small file beside the store. It says that this box has one, so that an
// absent file is known as a loss, up to which id ids may have been used, and whether the
// last run ended in order: that is known before the store is touched.
type marker struct {
	Instance string `json:"instance"`
	Ceiling  uint64 `json:"ceiling"`
	Clean    bool   `json:"clean"`
	Sum      uint32 `json:"sum"` // CRC32C over the others
}

// sum is the checksum that a marker should have.
func (m marker) sum() uint32 {
	return crc32.Checksum(fmt.Appendf(nil, "%s %d %v", m.Instance, m.Ceiling, m.Clean), castagnoli)
}

func markerPath(path string) string { return path + ".marker" }

// readMarker returns the zero marker when there is none.
func readMarker(path string) (m marker, err error) {
	info, err := os.Lstat(markerPath(path))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	if !info.Mode().IsRegular() { // reading it might never end
		return m, fmt.Errorf("%w: %s is no file", errMarker, markerPath(path))
	}
	text, err := os.ReadFile(markerPath(path))
	if err != nil {
		return m, err
	}
	if json.Unmarshal(text, &m) != nil || m.Instance == "" || m.Sum != m.sum() {
		return marker{}, fmt.Errorf("%w: %s", errMarker, markerPath(path))
	}
	return m, nil
}

// errMarker means that the marker can't be read. The store itself may be well.
var errMarker = errors.New("damaged marker")

// Expected says whether a marker says that there is a store at path.
func Expected(path string) bool {
	m, err := readMarker(path)
	return m.Instance != "" || errors.Is(err, errMarker)
}

// Instance is the store that the marker at path names; empty when there is none that can be read.
func Instance(path string) string {
	m, err := readMarker(path)
	if err != nil {
		return ""
	}
	return m.Instance
}

// LeftInOrder says whether the last run that had the store at path closed it. A store
// that was not, or of which that isn't known, is to be checked before it is opened: what a
// cut file does to a process can't always be caught. A store that is not there is in order.
func LeftInOrder(path string) bool {
	m, err := readMarker(path)
	if err != nil {
		return false
	}
	_, err = os.Lstat(path)
	return m.Clean || errors.Is(err, fs.ErrNotExist)
}

// markerSize is what every marker takes, with blanks at its end: one can be written over
// another where the disk has no room for a second file. It is one sector.
const markerSize = 256

// write replaces the marker in one step that survives a power cut. On a full disk it is
// written over the old one. Root leaves it to whom the folder belongs.
func (m marker) write(path string) error {
	m.Sum = m.sum()
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	text = append(text, bytes.Repeat([]byte{' '}, markerSize-1-len(text))...)
	text = append(text, '\n')
	draft := markerPath(path) + ".new"
	err = writeSynced(draft, func(f *os.File) error { _, err := f.Write(text); return err })
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return errors.Join(m.overwrite(path, text, err), ignoreAbsent(os.Remove(draft)))
	}
	if err != nil {
		return err
	}
	if err := giveToOwner(draft); err != nil {
		return err
	}
	if err := os.Rename(draft, markerPath(path)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// overwrite writes over the marker that is there; full is why there can't be another file.
func (m marker) overwrite(path string, text []byte, full error) error {
	f, err := os.OpenFile(markerPath(path), os.O_WRONLY, 0)
	if err != nil {
		return full
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() != markerSize {
		return full
	}
	if _, err := f.WriteAt(text, 0); err != nil {
		return err
	}
	return f.Sync()
}

// giveToOwner gives what root has made to whom the folder belongs that it is in.
func giveToOwner(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Dir(path), &st); err != nil {
		return &os.PathError{Op: "stat", Path: filepath.Dir(path), Err: err}
	}
	return os.Lchown(path, int(st.Uid), int(st.Gid))
}
