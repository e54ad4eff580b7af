include $(sort $(wildcard $(BR2_EXTERNAL_LOCUM_PATH)/package/*/*.mk))
