################################################################################
#
# locum
#
################################################################################

LOCUM_VERSION = 0.1.0
LOCUM_LICENSE = MIT or Apache-2.0
LOCUM_LICENSE_FILES = LICENSE-MIT LICENSE-APACHE
LOCUM_SITE = $(BR2_EXTERNAL_LOCUM_PATH)/../..
LOCUM_SITE_METHOD = local
# What a checkout has that is no source.
LOCUM_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = --exclude target --exclude tests/fuzz/target

define LOCUM_INSTALL_CONFIGURATION
	$(INSTALL) -d -m 0755 $(TARGET_DIR)/etc/locum
	[ -e $(TARGET_DIR)/etc/locum/locum.conf ] || \
		$(INSTALL) -m 0600 $(LOCUM_PKGDIR)/locum.conf \
			$(TARGET_DIR)/etc/locum/locum.conf
endef
LOCUM_POST_INSTALL_TARGET_HOOKS += LOCUM_INSTALL_CONFIGURATION

define LOCUM_INSTALL_INIT_SYSV
	$(INSTALL) -D -m 0755 $(LOCUM_PKGDIR)/S71locum \
		$(TARGET_DIR)/etc/init.d/S71locum
endef

define LOCUM_INSTALL_INIT_SYSTEMD
	$(INSTALL) -D -m 0644 $(LOCUM_PKGDIR)/locum.service \
		$(TARGET_DIR)/usr/lib/systemd/system/locum.service
endef

define LOCUM_LINUX_CONFIG_FIXUPS
	$(call KCONFIG_ENABLE_OPT,CONFIG_PACKET)
	$(call KCONFIG_ENABLE_OPT,CONFIG_IP_MULTICAST)
	$(call KCONFIG_ENABLE_OPT,CONFIG_MACVLAN)
endef

ifeq ($(BR2_mips)$(BR2_mipsel),y)

define LOCUM_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 0755 $(call qstrip,$(BR2_PACKAGE_LOCUM_BINARY)) \
		$(TARGET_DIR)/usr/bin/locum
endef

$(eval $(generic-package))

else

LOCUM_SUBDIR = appliance
LOCUM_FEATURES = \
	$(if $(BR2_PACKAGE_LOCUM_CONSOLE),console) \
	$(if $(BR2_PACKAGE_LOCUM_DOCTOR),doctor) \
	$(if $(BR2_PACKAGE_LOCUM_EXPLAIN),explain) \
	$(if $(BR2_PACKAGE_LOCUM_KEEPALIVED),keepalived) \
	$(if $(BR2_PACKAGE_LOCUM_MAIL),mail) \
	$(if $(BR2_PACKAGE_LOCUM_METRICS),metrics) \
	$(if $(BR2_PACKAGE_LOCUM_PLAN),plan) \
	$(if $(BR2_PACKAGE_LOCUM_RECORD),record) \
	$(if $(BR2_PACKAGE_LOCUM_UCI),uci)
LOCUM_CARGO_BUILD_OPTS = --no-default-features --features "$(strip $(LOCUM_FEATURES))"
LOCUM_CARGO_INSTALL_OPTS = $(LOCUM_CARGO_BUILD_OPTS)
# Buildroot sets the profile by the environment; what comes last counts.
LOCUM_CARGO_ENV = \
	CARGO_PROFILE_RELEASE_OPT_LEVEL=z \
	CARGO_PROFILE_RELEASE_LTO=fat \
	CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 \
	CARGO_PROFILE_RELEASE_PANIC=abort

$(eval $(cargo-package))

endif
