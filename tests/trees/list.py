# Prints every entry below a directory, in the order of their paths: type, mode, owner, size or device, time, content, attributes, and
# which other names a file has. What the system mounts over is left out, and so are the names that a guest's agent writes.
# usage: list.py DIRECTORY
import hashlib, os, stat, sys

root = os.fsencode(sys.argv[1])
SYSTEM = {b"dev", b"proc", b"sys", b"run", b"tmp", b".msb"}
NAMES = {b"etc/hostname", b"etc/hosts", b"etc/resolv.conf"}
first = {}


def content(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def tell(path, name):
    meta = os.lstat(path)
    parts = [name, stat.filemode(meta.st_mode).encode(), b"%d:%d" % (meta.st_uid, meta.st_gid)]
    if stat.S_ISREG(meta.st_mode):
        parts += [b"%d" % meta.st_size, content(path).encode()]
    elif stat.S_ISLNK(meta.st_mode):
        parts.append(b"-> " + os.readlink(path))
    elif stat.S_ISCHR(meta.st_mode) or stat.S_ISBLK(meta.st_mode):
        parts.append(b"%d,%d" % (os.major(meta.st_rdev), os.minor(meta.st_rdev)))
    # A directory's time changes with what is mounted and written in it.
    if not stat.S_ISDIR(meta.st_mode):
        parts.append(b"@%d" % meta.st_mtime)
        parts.append(b"=" + first.setdefault(meta.st_ino, name) if meta.st_nlink > 1 else b"=")
    for key in sorted(os.listxattr(path, follow_symlinks=False)):
        parts.append(os.fsencode(key) + b":" + os.getxattr(path, key, follow_symlinks=False).hex().encode())
    sys.stdout.buffer.write(b" ".join(part.replace(b"\n", b"\\n") for part in parts) + b"\n")


def walk(directory, below):
    for entry in sorted(os.listdir(directory)):
        path, name = os.path.join(directory, entry), below + entry
        if name in SYSTEM or name in NAMES:
            continue
        tell(path, name)
        if stat.S_ISDIR(os.lstat(path).st_mode):
            walk(path, name + b"/")


walk(root, b"")
