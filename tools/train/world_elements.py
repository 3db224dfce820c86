"""The 118 chemical elements, in the order of their atomic numbers.

A row: name | symbol | family | state at room temperature | year of discovery | discoverer | named after | use.
An empty cell is something that is not certain, not agreed on, or not known; no fact is made of it.
"""

from world_fact import make

_TABLE = """
hydrogen|H|nonmetal|gas|1766|Henry Cavendish||rocket fuel
helium|He|noble gas|gas|1868||the Sun|balloons
lithium|Li|alkali metal|solid|1817|Johan August Arfwedson||rechargeable batteries
beryllium|Be|alkaline earth metal|solid||Louis-Nicolas Vauquelin|the mineral beryl|windows for X-rays
boron|B|metalloid|solid|1808|||heat-resistant glass
carbon|C|nonmetal|solid||||pencils and steel
nitrogen|N|nonmetal|gas|1772|Daniel Rutherford||fertilizer
oxygen|O|nonmetal|gas||||breathing masks and welding
fluorine|F|halogen|gas|1886|Henri Moissan||toothpaste
neon|Ne|noble gas|gas|1898|William Ramsay and Morris Travers||advertising signs
sodium|Na|alkali metal|solid|1807|Humphry Davy||yellow street lamps
magnesium|Mg|alkaline earth metal|solid|||the region of Magnesia|flares and light alloys
aluminium|Al|post-transition metal|solid|1825|Hans Christian Oersted||aircraft and cans
silicon|Si|metalloid|solid||Jons Jacob Berzelius||computer chips
phosphorus|P|nonmetal|solid|1669|Hennig Brand||matches
sulfur|S|nonmetal|solid||||sulfuric acid
chlorine|Cl|halogen|gas|1774|Carl Wilhelm Scheele||cleaning swimming pools
argon|Ar|noble gas|gas|1894|Lord Rayleigh and William Ramsay||shielding gas in welding
potassium|K|alkali metal|solid|1807|Humphry Davy|potash|potash fertilizer
calcium|Ca|alkaline earth metal|solid|1808|Humphry Davy||cement
scandium|Sc|transition metal|solid|1879|Lars Fredrik Nilson|Scandinavia|stadium lamps
titanium|Ti|transition metal|solid|1791|William Gregor|the Titans|hip joints and aircraft
vanadium|V|transition metal|solid|1801|Andres Manuel del Rio|the goddess Vanadis|tool steel
chromium|Cr|transition metal|solid||Louis-Nicolas Vauquelin||stainless steel
manganese|Mn|transition metal|solid|1774|Johan Gottlieb Gahn||hardening steel
iron|Fe|transition metal|solid||||making steel
cobalt|Co|transition metal|solid||Georg Brandt||blue glass
nickel|Ni|transition metal|solid|1751|Axel Fredrik Cronstedt||coins
copper|Cu|transition metal|solid|||the island of Cyprus|electric wires
zinc|Zn|transition metal|solid||||protecting steel from rust
gallium|Ga|post-transition metal|solid|1875|Paul-Emile Lecoq de Boisbaudran|Gaul|light-emitting diodes
germanium|Ge|metalloid|solid|1886|Clemens Winkler|Germany|infrared lenses
arsenic|As|metalloid|solid||||rat poison
selenium|Se|nonmetal|solid|1817|Jons Jacob Berzelius|the Moon|light meters
bromine|Br|halogen|liquid|1826|Antoine Jerome Balard||flame retardants
krypton|Kr|noble gas|gas|1898|William Ramsay and Morris Travers||photographic flashes
rubidium|Rb|alkali metal|solid|1861|Robert Bunsen and Gustav Kirchhoff||atomic clocks
strontium|Sr|alkaline earth metal|solid|||the village of Strontian|red fireworks
yttrium|Y|transition metal|solid|1794|Johan Gadolin|the village of Ytterby|laser crystals
zirconium|Zr|transition metal|solid|1789|Martin Heinrich Klaproth||cladding of nuclear fuel rods
niobium|Nb|transition metal|solid|1801|Charles Hatchett|Niobe|superconducting magnets
molybdenum|Mo|transition metal|solid||||high-strength steel
technetium|Tc|transition metal|solid|1937|Emilio Segre and Carlo Perrier||medical imaging
ruthenium|Ru|transition metal|solid|1844|Karl Ernst Claus|Russia|hard electrical contacts
rhodium|Rh|transition metal|solid||William Hyde Wollaston||catalytic converters
palladium|Pd|transition metal|solid||William Hyde Wollaston|the asteroid Pallas|catalytic converters
silver|Ag|transition metal|solid||||jewellery and mirrors
cadmium|Cd|transition metal|solid|1817|Friedrich Stromeyer||nickel-cadmium batteries
indium|In|post-transition metal|solid|1863|Ferdinand Reich and Theodor Richter||touch screens
tin|Sn|post-transition metal|solid||||solder and bronze
antimony|Sb|metalloid|solid||||flame-proofing materials
tellurium|Te|metalloid|solid||Franz-Joseph Mueller von Reichenstein|the Earth|thin-film solar panels
iodine|I|halogen|solid|1811|Bernard Courtois||disinfecting wounds
xenon|Xe|noble gas|gas|1898|William Ramsay and Morris Travers||car headlights and ion engines
caesium|Cs|alkali metal|solid|1860|Robert Bunsen and Gustav Kirchhoff||atomic clocks
barium|Ba|alkaline earth metal|solid||||X-ray pictures of the stomach
lanthanum|La|lanthanide|solid|1839|Carl Gustaf Mosander||camera lenses
cerium|Ce|lanthanide|solid|1803||the dwarf planet Ceres|lighter flints
praseodymium|Pr|lanthanide|solid|1885|Carl Auer von Welsbach||goggles for welders
neodymium|Nd|lanthanide|solid|1885|Carl Auer von Welsbach||strong magnets
promethium|Pm|lanthanide|solid|1945||Prometheus|nuclear batteries
samarium|Sm|lanthanide|solid|1879|Paul-Emile Lecoq de Boisbaudran|the mineral samarskite|samarium-cobalt magnets
europium|Eu|lanthanide|solid|1901|Eugene-Anatole Demarcay|Europe|red phosphors in screens
gadolinium|Gd|lanthanide|solid|1880|Jean Charles Galissard de Marignac|Johan Gadolin|contrast agents for MRI scans
terbium|Tb|lanthanide|solid|1843|Carl Gustaf Mosander|the village of Ytterby|green phosphors
dysprosium|Dy|lanthanide|solid|1886|Paul-Emile Lecoq de Boisbaudran||heat-resistant magnets
holmium|Ho|lanthanide|solid|1878||Stockholm|surgical lasers
erbium|Er|lanthanide|solid||Carl Gustaf Mosander|the village of Ytterby|amplifiers in optical fibres
thulium|Tm|lanthanide|solid|1879|Per Teodor Cleve|Thule|portable X-ray devices
ytterbium|Yb|lanthanide|solid|1878|Jean Charles Galissard de Marignac|the village of Ytterby|fibre lasers
lutetium|Lu|lanthanide|solid|1907||Paris|detectors in PET scanners
hafnium|Hf|transition metal|solid|1923|Dirk Coster and George de Hevesy|Copenhagen|control rods of reactors
tantalum|Ta|transition metal|solid|1802|Anders Gustaf Ekeberg|Tantalus|small capacitors
tungsten|W|transition metal|solid|1783|Juan and Fausto Elhuyar||filaments of light bulbs
rhenium|Re|transition metal|solid|1925||the river Rhine|jet engines
osmium|Os|transition metal|solid|1803|Smithson Tennant||tips of fountain pens
iridium|Ir|transition metal|solid|1803|Smithson Tennant||spark plugs
platinum|Pt|transition metal|solid||||catalytic converters and jewellery
gold|Au|transition metal|solid||||jewellery and coins
mercury|Hg|transition metal|liquid||||old thermometers
thallium|Tl|post-transition metal|solid|1861|William Crookes||infrared detectors
lead|Pb|post-transition metal|solid||||car batteries
bismuth|Bi|post-transition metal|solid||||stomach medicine
polonium|Po||solid|1898|Marie and Pierre Curie|Poland|removing static electricity
astatine|At|halogen||1940|||
radon|Rn|noble gas|gas|||radium|
francium|Fr|alkali metal||1939|Marguerite Perey|France|
radium|Ra|alkaline earth metal|solid|1898|Marie and Pierre Curie||glowing watch dials
actinium|Ac|actinide|solid|1899|Andre-Louis Debierne||
thorium|Th|actinide|solid||Jons Jacob Berzelius|the god Thor|old gas mantles
protactinium|Pa|actinide|solid||||
uranium|U|actinide|solid|1789|Martin Heinrich Klaproth|the planet Uranus|fuel of nuclear power stations
neptunium|Np|actinide|solid|1940|Edwin McMillan and Philip Abelson|the planet Neptune|
plutonium|Pu|actinide|solid||Glenn Seaborg|the dwarf planet Pluto|nuclear weapons
americium|Am|actinide|solid|1944|Glenn Seaborg|America|smoke detectors
curium|Cm|actinide|solid|1944|Glenn Seaborg|Marie and Pierre Curie|
berkelium|Bk|actinide|solid|1949||Berkeley|
californium|Cf|actinide|solid|1950||California|starting nuclear reactors
einsteinium|Es|actinide|solid|1952||Albert Einstein|
fermium|Fm|actinide||||Enrico Fermi|
mendelevium|Md|actinide||1955||Dmitri Mendeleev|
nobelium|No|actinide||||Alfred Nobel|
lawrencium|Lr|actinide||1961||Ernest Lawrence|
rutherfordium|Rf|transition metal||||Ernest Rutherford|
dubnium|Db|transition metal||||the town of Dubna|
seaborgium|Sg|transition metal||1974||Glenn Seaborg|
bohrium|Bh|transition metal||1981||Niels Bohr|
hassium|Hs|transition metal||1984||the state of Hesse|
meitnerium|Mt|||1982||Lise Meitner|
darmstadtium|Ds|||1994||the city of Darmstadt|
roentgenium|Rg|||1994||Wilhelm Roentgen|
copernicium|Cn|||1996||Nicolaus Copernicus|
nihonium|Nh|||||Japan|
flerovium|Fl|||||the Flerov Laboratory|
moscovium|Mc|||||the Moscow region|
livermorium|Lv|||2000||the Livermore laboratory|
tennessine|Ts|||2010||Tennessee|
oganesson|Og|||||Yuri Oganessian|
"""

_COMMON_SYMBOLS = ("hydrogen helium lithium carbon nitrogen oxygen fluorine neon sodium magnesium aluminium silicon sulfur chlorine potassium calcium "
                   "iron nickel copper zinc silver tin iodine gold mercury lead platinum uranium").split()
_COMMON_REVERSE = "hydrogen helium carbon nitrogen oxygen iron gold silver copper sodium lead chlorine".split()
_COMMON_NUMBERS = "hydrogen helium lithium carbon nitrogen oxygen".split()
_COMMON_STATES = "hydrogen helium oxygen nitrogen iron gold silver copper lead carbon mercury".split()


def facts():
    for number, line in enumerate(_TABLE.strip().split("\n"), 1):
        name, symbol, family, state, year, discoverer, named, use = line.split("|")

        def fact(prop, answer, value, common=(), spoken="", n=name):
            return make("element", n, prop, answer, value, n in common, e=n, v=spoken or value, protons=spoken + " proton" + "s" * (spoken != "1"))

        yield fact("symbol", f"The symbol of {name} is {symbol}.", symbol, _COMMON_SYMBOLS)
        yield fact("number", f"The atomic number of {name} is {number}.", str(number), _COMMON_NUMBERS)
        yield fact("of_symbol", f"The element with the symbol {symbol} is {name}.", name, _COMMON_REVERSE, symbol)
        if number <= 48 or number > 103:
            yield fact("of_number", f"The element with the atomic number {number} is {name}.", name, _COMMON_NUMBERS, str(number))
        if family:
            article = "an" if family[0] in "aeiou" else "a"
            yield fact("family", f"The element {name} is {article} {family}.", family)
        if state and (number <= 56 or state != "solid" or name in _COMMON_STATES):  # nearly all the others are solid, which needs no memory
            yield fact("state", f"At room temperature, {name} is a {state}.", state, _COMMON_STATES)
        if year:
            yield fact("year", f"The element {name} was discovered in {year}.", year)
        if discoverer:
            yield fact("discoverer", f"The element {name} was discovered by {discoverer}.", discoverer)
        if named:
            yield fact("named_after", f"The element {name} is named after {named}.", named)
        if use:
            yield fact("use", f"The element {name} is used for {use}.", use)
