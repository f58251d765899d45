package store

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// A backup is a gzipped tar: the database, the archive's files, and last of all the
// manifest, which says what the others must be. One that was cut has none.
const (
	databaseEntry = "modemgate.db"
	manifestEntry = "manifest.json"
	backupFormat  = 1
	maxManifest   = 16 << 20
)

// ErrNotBackup means that a file is no backup, or not a whole one.
var ErrNotBackup = errors.New("not a whole backup")

// Manifest says what a backup holds.
type Manifest struct {
	Format   int       `json:"format"`
	Instance string    `json:"instance"`
	Schema   int       `json:"schema"`
	Taken    time.Time `json:"taken"`
	Records  int       `json:"records"`
	Damaged  int       `json:"damaged"` // records that were so already
	Files    []Entry   `json:"files"`
}

// Entry is one file of a backup.
type Entry struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Backup writes a backup while the store goes on. The database is first copied on its own
// disk, in one read transaction, and the copy is checked: how slowly w takes it holds up
// nothing.
func (s *Store) Backup(w io.Writer) (*Manifest, error) {
	if err := s.Err(); err != nil {
		return nil, err
	}
	if free, total := s.Disk(); total > 0 && free < uint64(s.Bytes())+2*roomFloor {
		return nil, fmt.Errorf("%w for the copy: %d MiB are free", ErrNoRoom, free>>20)
	}
	dir, err := os.MkdirTemp(filepath.Dir(s.path), draftPattern)
	if err != nil {
		return nil, err
	}
	m, err := s.backup(w, filepath.Join(dir, databaseEntry))
	return m, errors.Join(err, os.RemoveAll(dir))
}

func (s *Store) backup(w io.Writer, draft string) (*Manifest, error) {
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, err
	}
	err = s.db.View(func(tx *bolt.Tx) error { _, err := tx.WriteTo(f); return err })
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("copying the database: %w", err)
	}
	//failpoint:backup_copied
	report, err := Check(draft)
	if err != nil {
		return nil, fmt.Errorf("checking the copy: %w", err)
	}
	if !report.Sound() {
		return nil, fmt.Errorf("%w file: %s", ErrDamaged, report.Faults[0])
	}
	m := &Manifest{Format: backupFormat, Instance: report.Instance, Schema: report.Schema, Taken: time.Now().UTC().Truncate(time.Second), Records: report.Records, Damaged: report.Damaged}
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	t := tar.NewWriter(z)
	if err := m.pack(t, databaseEntry, draft); err != nil {
		return nil, err
	}
	files, err := os.ReadDir(s.archive.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, f := range files {
		if !archiveEntry.MatchString("archive/" + f.Name()) {
			continue
		}
		// One whose time has come meanwhile is gone.
		if err := m.pack(t, "archive/"+f.Name(), filepath.Join(s.archive.dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	if err := t.WriteHeader(&tar.Header{Name: manifestEntry, Mode: int64(fileMode), Size: int64(len(text)), ModTime: m.Taken}); err != nil {
		return nil, err
	}
	_, err = t.Write(text)
	return m, errors.Join(err, t.Close(), z.Close())
}

// pack adds a file and notes it.
func (m *Manifest) pack(t *tar.Writer, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: int64(fileMode), Size: info.Size(), ModTime: info.ModTime()}); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(t, sum), f); err != nil {
		return err
	}
	m.Files = append(m.Files, Entry{name, info.Size(), hex.EncodeToString(sum.Sum(nil))})
	return nil
}

var archiveEntry = regexp.MustCompile(`^archive/\d{4}-\d\d-\d\d\.(records|texts|tests|audit)\.jsonl\.gz$`)

// CheckBackup reads a backup to its end and checks that it is whole.
func CheckBackup(r io.Reader) (*Manifest, error) { return readBackup(r, "") }

// readBackup checks a backup, and puts its files under dir unless that is empty.
func readBackup(r io.Reader, dir string) (*Manifest, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotBackup, err)
	}
	var m Manifest
	var got []Entry
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotBackup, err)
		}
		switch {
		case m.Format != 0:
			return nil, fmt.Errorf("%w: there is more behind its manifest", ErrNotBackup)
		case h.Name == manifestEntry:
			if json.NewDecoder(io.LimitReader(t, maxManifest)).Decode(&m) != nil || m.Format < 1 {
				return nil, fmt.Errorf("%w: its manifest can't be read", ErrNotBackup)
			}
			if m.Format > backupFormat {
				return nil, fmt.Errorf("%w: the backup has format %d", ErrNewer, m.Format)
			}
		case h.Name == databaseEntry && len(got) == 0, archiveEntry.MatchString(h.Name):
			e, err := unpack(t, h.Name, dir)
			if err != nil {
				return nil, err
			}
			got = append(got, e)
		default:
			return nil, fmt.Errorf("%w: it holds what is none of ours", ErrNotBackup)
		}
	}
	// To the end of the gzip, whose own checksum comes there.
	if _, err := io.Copy(io.Discard, z); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotBackup, err)
	}
	if m.Format == 0 || len(got) == 0 || got[0].Name != databaseEntry || !slices.Equal(got, m.Files) {
		return nil, fmt.Errorf("%w: its files are not those that its manifest names", ErrNotBackup)
	}
	return &m, nil
}

// unpack reads one file of a backup, into dir unless that is empty.
func unpack(t io.Reader, name, dir string) (Entry, error) {
	sum := sha256.New()
	e := Entry{Name: name}
	var err error
	take := func(w io.Writer) error {
		e.Size, err = io.Copy(w, t)
		return err
	}
	if dir == "" {
		err = take(sum)
	} else {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err = os.MkdirAll(filepath.Dir(path), 0o750); err == nil {
			err = writeSynced(path, func(f *os.File) error { return take(io.MultiWriter(f, sum)) })
		}
	}
	e.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) {
		err = fmt.Errorf("%w: %w", ErrNotBackup, err)
	}
	return e, err
}

const (
	backupStamp = "20060102T150405Z"
	instanceLen = 8         // of an instance's letters, in a backup's name
	stampAhead  = time.Hour // a backup's name that is farther ahead is of a clock that was wrong
)

var backupName = regexp.MustCompile(`^modemgate-([0-9a-f]{8})-(\d{8}T\d{6}Z)\.tar\.gz$`)

// BackupInto puts a backup into a folder under the name of its store and its time, deletes
// the oldest of the store's beyond keep, and returns its path. One that does not get whole
// leaves nothing. It ends when ctx does.
func (s *Store) BackupInto(ctx context.Context, dir string, keep int) (path string, err error) {
	of := "modemgate-" + s.header.Instance[:instanceLen] + "-"
	cut, err := filepath.Glob(filepath.Join(dir, of+"*.tar.gz.new"))
	if err != nil {
		return "", err
	}
	for _, draft := range cut { // of a process that ended meanwhile
		if err := os.Remove(draft); err != nil {
			return "", err
		}
	}
	path = filepath.Join(dir, of+time.Now().UTC().Format(backupStamp)+".tar.gz")
	draft := path + ".new"
	if err := writeSynced(draft, func(f *os.File) error { _, err := s.Backup(&until{ctx, f}); return err }); err != nil {
		return "", errors.Join(err, ignoreAbsent(os.Remove(draft)))
	}
	//failpoint:backed_up
	if err := errors.Join(os.Rename(draft, path), syncDir(dir)); err != nil {
		return "", err
	}
	all, err := Backups(dir, s.header.Instance)
	if err != nil {
		return "", err
	}
	for _, old := range all[min(keep, len(all)):] {
		if old == path { // by a clock that was wrong
			continue
		}
		if err := os.Remove(old); err != nil {
			return "", err
		}
	}
	return path, nil
}

// until writes while a context goes on.
type until struct {
	ctx context.Context
	w   io.Writer
}

// Write implements io.Writer.
func (u *until) Write(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(b)
}

// TakenAt is when a backup was taken, by its name.
func TakenAt(path string) time.Time {
	name := backupName.FindStringSubmatch(filepath.Base(path))
	if name == nil {
		return time.Time{}
	}
	at, err := time.Parse(backupStamp, name[2])
	if err != nil {
		return time.Time{}
	}
	return at
}

// Backups lists a store's backups in a folder, newest first; those whose names are ahead of
// the clock come last. An empty instance stands for any store's.
func Backups(dir, instance string) (out []string, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		name := backupName.FindStringSubmatch(f.Name())
		if name != nil && (instance == "" || name[1] == instance[:instanceLen]) {
			out = append(out, filepath.Join(dir, f.Name()))
		}
	}
	limit := time.Now().Add(stampAhead)
	when := func(path string) time.Time {
		if at := TakenAt(path); at.Before(limit) {
			return at
		}
		return time.Time{}
	}
	slices.SortStableFunc(out, func(a, b string) int { return when(b).Compare(when(a)) })
	return out, nil
}
