"""The boards that buildroot/boot knows: where their kernels and busybox come from, and what is booted."""
import gzip
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

CACHE = pathlib.Path(os.environ.get("LOCUM_CROSS_DIR") or
                     pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "locum-cross")
HERE = pathlib.Path(__file__).resolve().parent
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
VIRTIO = ["virtio", "virtio_ring", "virtio_mmio", "failover", "net_failover", "virtio_net"]
GUEST, HOST = "10.9.0.2", "10.9.0.1"


class Failure(Exception):
    """What did not happen."""


class Board:
    """A board of qemu's. Without a kernel of Debian's, kernel and busybox are built."""

    def __init__(self, triple, arch, kernel, modules, qemu, console, nic, memory):
        self.triple, self.arch, self.kernel, self.modules = triple, arch, kernel, modules
        self.qemu, self.console, self.nic, self.memory = qemu, console, nic, memory

    def tools(self):
        """What the machine must have."""
        tools = [self.qemu[0], "cpio", "ip", "unshare"]
        return tools + (["apt-get", "dpkg"] if self.kernel and not self.place().is_dir() else [])

    def place(self):
        """Where its kernel and busybox are kept."""
        return CACHE / "debian" / self.arch if self.kernel else CACHE / "built" / self.arch

    def device(self):
        """Its network card, as qemu takes it."""
        rom = "romfile=," if self.nic == "pcnet" else ""
        return f"{self.nic},netdev=n0,{rom}mac=52:54:00:00:00:02"


MALTA = ["-M", "malta", "-cpu", "24Kc", "-vga", "none"]
BOARDS = {
    "mipsel": Board("mipsel-unknown-linux-musl", "mipsel", "linux-image-4kc-malta", ["mii", "pcnet32"],
                    ["qemu-system-mipsel", *MALTA], "ttyS0", "pcnet", 64),
    "mips": Board("mips-unknown-linux-musl", "mips", None, [], ["qemu-system-mips", *MALTA], "ttyS0", "pcnet", 32),
    "armv7": Board("armv7-unknown-linux-musleabihf", "armhf", "linux-image-armmp", VIRTIO,
                   ["qemu-system-arm", "-M", "virt,highmem=off", "-cpu", "cortex-a7"], "ttyAMA0", "virtio-net-device", 64),
    "aarch64": Board("aarch64-unknown-linux-musl", "arm64", "linux-image-cloud-arm64", VIRTIO,
                     ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53"], "ttyAMA0", "virtio-net-device", 64),
}

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin TERM=vt100 PS1='guest# '
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev 2>/dev/null
# As on a board without a battery. The clock cannot be set to before the boot.
date -s '1970-01-02 00:00:00' >/dev/null
echo "INIT-UP $(cut -d' ' -f1 /proc/uptime)"
for m in $(ls /m); do insmod /m/$m; done
n=0; while [ ! -e /sys/class/net/eth0 ] && [ $n -lt 50 ]; do usleep 100000; n=$((n+1)); done
ip link set lo up; ip link set eth0 up; ip addr add %s/24 dev eth0
locum run 2>/tmp/log & echo $! > /tmp/pid
echo SHELL-UP
exec setsid -c sh -i </dev/console >/dev/console 2>&1
""" % GUEST


def run(*words, **options):
    return subprocess.run(words, check=True, **options)


def fetched(board):
    """The directory with kernel, modules and busybox of a board: whole, or not there."""
    place = board.place()
    if place.is_dir():
        return place
    if not board.kernel:
        if subprocess.run([HERE / "malta/build", place], check=False).returncode:
            raise Failure(f"kernel and busybox of {board.arch} cannot be built, see above")
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as made:
        made = pathlib.Path(made)
        for name in ("lists/partial", "cache/archives/partial", "state", "root"):
            (made / name).mkdir(parents=True)
        (made / "status").touch()
        (made / "sources.list").write_text(
            f"deb [arch={board.arch} signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {MIRROR} bookworm main\n")
        options = {"Dir::State": made / "state", "Dir::State::status": made / "status", "Dir::State::lists": made / "lists",
                   "Dir::Cache": made / "cache", "Dir::Etc::sourcelist": made / "sources.list",
                   "Dir::Etc::sourceparts": "/dev/null", "APT::Architecture": board.arch,
                   "APT::Architectures::": board.arch, "APT::Sandbox::User": "root"}
        options = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        try:
            run("apt-get", "-qq", *options, "update")
            depends = run("apt-cache", *options, "depends", board.kernel, capture_output=True, text=True).stdout
            image = re.search(r"Depends: (linux-image\S+)", depends).group(1)
            run("apt-get", "-qq", *options, "download", image, "busybox-static", cwd=made)
            for package in made.glob("*.deb"):
                run("dpkg", "-x", package, made / "root")
        except (subprocess.CalledProcessError, AttributeError, OSError) as error:
            raise Failure(f"kernel and busybox of {board.arch} cannot be had from {MIRROR}: {error}") from error
        (made / "root").rename(place)
    return place


def initramfs(board, binary, configuration, out):
    """Busybox, the modules that the network card takes, locum and a configuration."""
    debian = fetched(board)
    with tempfile.TemporaryDirectory() as root:
        root = pathlib.Path(root)
        for name in ("bin", "sbin", "proc", "sys", "dev", "m", "tmp", "run", "etc/locum"):
            (root / name).mkdir(parents=True)
        busybox = next(path for path in (debian / "bin/busybox", debian / "usr/bin/busybox") if path.exists())
        shutil.copy(busybox, root / "bin/busybox")
        shutil.copy(binary, root / "sbin/locum")
        (root / "etc/locum/locum.conf").write_text(configuration)
        (root / "init").write_text(INIT)
        (root / "init").chmod(0o755)
        for number, module in enumerate(board.modules):
            found = sorted(debian.rglob(f"{module}.ko"))
            if found:  # else it is built in
                shutil.copy(found[0], root / "m" / f"{number:02}-{module}.ko")
        names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
        archive = run("cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet", cwd=root, input=names.encode(),
                      capture_output=True).stdout
        out.write_bytes(gzip.compress(archive, 6))
    return next((debian / "boot").glob("vmlinuz-*"))


def network_of_its_own():
    """What stands before a command that makes the LAN. When it is killed, so is all that it has started."""
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", *as_root]


def lan():
    """A bridge with this machine and the guest on it, in a network namespace of its own."""
    # The veth keeps the bridge's carrier when the guest's cable is cut.
    for words in ("link add br0 type bridge mcast_snooping 0 forward_delay 0", "link add hold0 type veth peer name hold1",
                  "tuntap add dev tap0 mode tap", "link set tap0 master br0", "link set hold0 master br0",
                  "link set lo up", "link set tap0 up", "link set hold0 up", "link set hold1 up", "link set br0 up",
                  f"addr add {HOST}/24 dev br0"):
        run("ip", *words.split())


def booted(board, kernel, archive, how=("-accel", "tcg,tb-size=32")):
    """The emulator with the guest on the LAN and its serial line on a pipe."""
    return subprocess.Popen(
        [*board.qemu, *how, "-m", str(board.memory), "-kernel", kernel, "-initrd", archive,
         "-append", f"console={board.console} panic=-1 quiet", "-nographic", "-no-reboot", "-monitor", "none",
         "-serial", "stdio", "-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no", "-device", board.device()],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
