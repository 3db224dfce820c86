"""Units of measurement: what they measure, their symbols, and how much they are in another unit."""

from grammar import capitalise
from world_fact import article, make

# name | plural | measures | symbol | one of it is | named after
_TABLE = """
metre|metres|length|m|100 centimetres|
kilometre|kilometres|length|km|1,000 metres|
centimetre|centimetres|length|cm|10 millimetres|
millimetre|millimetres|length|mm|1,000 micrometres|
inch|inches|length|in|2.54 centimetres|
foot|feet|length|ft|12 inches|
yard|yards|length|yd|3 feet|
mile|miles|length|mi|1.609 kilometres|
nautical mile|nautical miles|length||1.852 kilometres|
fathom|fathoms|depth||6 feet|
light year|light years|distance|ly|9.46 trillion kilometres|
astronomical unit|astronomical units|distance|au|149.6 million kilometres|
gram|grams|mass|g|1,000 milligrams|
kilogram|kilograms|mass|kg|1,000 grams|
tonne|tonnes|mass|t|1,000 kilograms|
ounce|ounces|mass|oz|28.35 grams|
pound|pounds|mass|lb|453.6 grams|
stone|stones|mass|st|14 pounds|
carat|carats|mass|ct|0.2 grams|
litre|litres|volume||1,000 millilitres|
millilitre|millilitres|volume|ml|one cubic centimetre|
gallon|gallons|volume|gal|8 pints|
barrel|barrels|volume|bbl|159 litres of oil|
hectare|hectares|area|ha|10,000 square metres|
acre|acres|area|ac|4,047 square metres|
second|seconds|time|s|1,000 milliseconds|
minute|minutes|time|min|60 seconds|
hour|hours|time|h|60 minutes|
day|days|time|d|24 hours|
week|weeks|time||7 days|
decade|decades|time||10 years|
century|centuries|time||100 years|
millennium|millennia|time||1,000 years|
knot|knots|speed|kn|1.852 kilometres per hour|
newton|newtons|force|N||Isaac Newton
pascal|pascals|pressure|Pa|one newton per square metre|Blaise Pascal
joule|joules|energy|J|one newton metre|James Prescott Joule
calorie|calories|energy|cal|4.184 joules|
kilowatt hour|kilowatt hours|energy|kWh|3.6 million joules|
watt|watts|power|W|one joule per second|James Watt
horsepower|horsepower|power|hp|about 746 watts|
ampere|amperes|electric current|A|one coulomb per second|Andre-Marie Ampere
volt|volts|electric voltage|V|one joule per coulomb|Alessandro Volta
ohm|ohms|electric resistance||one volt per ampere|Georg Simon Ohm
coulomb|coulombs|electric charge|C|one ampere second|Charles-Augustin de Coulomb
tesla|teslas|magnetic flux density|T|10,000 gauss|Nikola Tesla
hertz|hertz|frequency|Hz|one cycle per second|Heinrich Hertz
kelvin|kelvins|temperature|K||Lord Kelvin
degree Celsius|degrees Celsius|temperature|||Anders Celsius
degree Fahrenheit|degrees Fahrenheit|temperature|||Daniel Gabriel Fahrenheit
decibel|decibels|loudness|dB||Alexander Graham Bell
becquerel|becquerels|radioactivity|Bq|one decay per second|Henri Becquerel
gray|grays|absorbed dose of radiation|Gy|one joule per kilogram|Louis Harold Gray
sievert|sieverts|equivalent dose of radiation|Sv||Rolf Sievert
byte|bytes|information|B|8 bits|
kilobyte|kilobytes|information|kB|1,000 bytes|
kibibyte|kibibytes|information|KiB|1,024 bytes|
megabyte|megabytes|information|MB|one million bytes|
gigabyte|gigabytes|information|GB|one billion bytes|
radian|radians|angle|rad|about 57.3 degrees|
"""
_COMMON_LENGTHS = "metre kilometre centimetre foot kilogram tonne minute hour day week century decade dozen byte litre".split()
_COMMON_SYMBOLS = "metre kilometre centimetre gram kilogram second".split()


def facts():
    for line in _TABLE.strip().split("\n"):
        name, plural, measures, symbol, equals, person = line.split("|")

        def fact(prop, answer, value, common=(), n=name, many=plural):
            return make("unit", n, prop, answer, value, n in common, a=_one(n), p=many, n=n, v=value)

        start = capitalise(_one(name))
        yield fact("measures", f"{start} is a unit of {measures}.", measures)
        if symbol:
            yield fact("symbol", f"The symbol of the {name} is {symbol}.", symbol, _COMMON_SYMBOLS)
        if equals:
            yield fact("equals", f"{start} is {equals}.", equals, _COMMON_LENGTHS)
        if person:
            yield fact("named_after", f"The {name} is named after {person}.", person)


def _one(name):
    return "an hour" if name == "hour" else article(name)
