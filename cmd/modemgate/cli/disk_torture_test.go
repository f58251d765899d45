//go:build torture

package cli

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

const (
	diskSize   = 64 << 20
	diskSector = 512
)

// block is one write to a disk, or a flush when it has no data.
type block struct {
	off  int64
	data []byte
}

// disk is a disk that remembers every write and every flush in their order: a file of a
// FUSE file system of our own, under a loop device with ext4.
type disk struct {
	fs.Inode
	t     *testing.T
	mount string // of its file system

	mu    sync.Mutex
	image []byte
	first []byte // the image when the log began
	log   []block
}

var (
	_ fs.NodeGetattrer = (*disk)(nil)
	_ fs.NodeSetattrer = (*disk)(nil)
	_ fs.NodeOpener    = (*disk)(nil)
	_ fs.NodeReader    = (*disk)(nil)
	_ fs.NodeWriter    = (*disk)(nil)
	_ fs.NodeFsyncer   = (*disk)(nil)
)

// Getattr implements fs.NodeGetattrer.
func (d *disk) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Size, out.Mode = diskSize, 0o600|syscall.S_IFREG
	return 0
}

// Setattr implements fs.NodeSetattrer.
func (d *disk) Setattr(ctx context.Context, f fs.FileHandle, _ *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return d.Getattr(ctx, f, out)
}

// Open implements fs.NodeOpener. Nothing is cached above us: the order is that of the device.
func (d *disk) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

// Read implements fs.NodeReader.
func (d *disk) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := copy(dest, d.image[min(off, diskSize):])
	return fuse.ReadResultData(dest[:n]), 0
}

// Write implements fs.NodeWriter.
func (d *disk) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if off+int64(len(data)) > diskSize {
		return 0, syscall.ENOSPC
	}
	copy(d.image[off:], data)
	d.log = append(d.log, block{off, slices.Clone(data)})
	return uint32(len(data)), 0
}

// Fsync implements fs.NodeFsyncer.
func (d *disk) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log = append(d.log, block{})
	return 0
}

// at is how much has been written until now.
func (d *disk) at() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.log)
}

// shell runs a command of the system.
func shell(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// newDisk makes a disk and mounts it. The log begins after that. end lets it go.
func newDisk(t *testing.T) (d *disk, end func()) {
	t.Helper()
	dir := t.TempDir()
	d = &disk{t: t, image: make([]byte, diskSize), mount: filepath.Join(dir, "mnt")}
	below := filepath.Join(dir, "fuse")
	for _, folder := range []string{below, d.mount} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	root := &fs.Inode{}
	server, err := fs.Mount(below, root, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMount: true, FsName: "torture", MaxWrite: 128 << 10},
		OnAdd: func(ctx context.Context) {
			root.AddChild("disk", root.NewPersistentInode(ctx, d, fs.StableAttr{Mode: syscall.S_IFREG}), true)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(below, "disk")
	shell(t, "mkfs.ext4", "-q", "-F", file)
	device := shell(t, "losetup", "--find", "--show", file)
	shell(t, "mount", device, d.mount)
	d.mu.Lock()
	d.first, d.log = slices.Clone(d.image), nil
	d.mu.Unlock()
	return d, sync.OnceFunc(func() {
		shell(t, "umount", d.mount)
		shell(t, "losetup", "-d", device)
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	})
}

// crashes calls fn with what would be on the disk had the power failed at each of the
// places of the log, which ascend: all that was flushed, and of what was written since any
// part, down to single sectors.
func (d *disk) crashes(rng *rand.Rand, cuts []int, fn func(cut int, image []byte)) {
	base, done := slices.Clone(d.first), 0 // done: the log up to there is in base
	for _, cut := range cuts {
		flushed := done
		for i := done; i < cut; i++ {
			if d.log[i].data == nil {
				flushed = i + 1
			}
		}
		for _, b := range d.log[done:flushed] {
			copy(base[b.off:], b.data)
		}
		done = flushed
		image := slices.Clone(base)
		for _, b := range d.log[flushed:cut] {
			switch rng.IntN(3) {
			case 0: // it never came to the disk
			case 1:
				copy(image[b.off:], b.data)
			default: // torn
				for at := 0; at < len(b.data); at += diskSector {
					if rng.IntN(2) == 0 {
						copy(image[b.off+int64(at):], b.data[at:min(at+diskSector, len(b.data))])
					}
				}
			}
		}
		fn(cut, image)
	}
}
